//! The NICs that QEMU emulates, and what is to be expected of each.

/// An emulated NIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nic {
    /// Intel 82576: computes RSS, and its driver is one for hardware.
    Igb,
    /// virtio-net with multiple queues and RSS.
    Virtio,
    /// VMware's.
    Vmxnet3,
}

impl Nic {
    pub(crate) const ALL: [Self; 3] = [Self::Igb, Self::Virtio, Self::Vmxnet3];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Igb => "igb",
            Self::Virtio => "virtio",
            Self::Vmxnet3 => "vmxnet3",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|nic| nic.name() == name)
    }

    /// The driver of DPDK that serves it.
    pub(crate) const fn driver(self) -> &'static str {
        match self {
            Self::Igb => "net_e1000_igb",
            Self::Virtio => "net_virtio",
            Self::Vmxnet3 => "net_vmxnet3",
        }
    }

    /// QEMU's device, without its place and its network.
    pub(crate) const fn device(self) -> &'static str {
        match self {
            Self::Igb => "igb",
            // Behind an IOMMU, a virtio device must say so and use it.
            Self::Virtio => {
                "virtio-net-pci,disable-legacy=on,iommu_platform=on,mq=on,vectors=10,rss=on,hash=on"
            }
            Self::Vmxnet3 => "vmxnet3",
        }
    }

    /// Whether the driver passes on the hash by which the NIC chose a queue.
    pub(crate) const fn tells_hashes(self) -> bool {
        match self {
            Self::Igb => true,
            Self::Virtio | Self::Vmxnet3 => false,
        }
    }

    /// Queues of the tap device behind it. That behind an igb has one: the NIC divides what comes by it.
    pub(crate) const fn tap_queues(self) -> u8 {
        match self {
            Self::Igb | Self::Vmxnet3 => 1,
            Self::Virtio => 4,
        }
    }
}
