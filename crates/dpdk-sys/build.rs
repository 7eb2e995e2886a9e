//! Finds libdpdk, compiles the C shim and generates the bindings.
//!
//! The pkg-config crate passes include paths and libraries on, but drops `-march` and
//! `-include rte_config.h`. Both change the layout and the inline code of DPDK's headers: the first is
//! asked for here, the second is the first line of the shim's header.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

const HEADER: &str = "csrc/shim.h";
const SOURCE: &str = "csrc/shim.c";

/// Every function of libdpdk and of the shim that the `dpdk` crate calls.
const FUNCTIONS: &[&str] = &[
    // EAL
    "rte_eal_init",
    "rte_eal_cleanup",
    "rte_eal_get_runtime_dir",
    "rte_eal_hotplug_remove",
    "rte_version_year",
    "rte_version_month",
    "rte_get_tsc_hz",
    "rte_lcore_count",
    "rte_dev_probe",
    "rte_thread_register",
    "rte_thread_unregister",
    // memory
    "rte_malloc_socket",
    "rte_free",
    "rte_malloc_get_socket_stats",
    "rte_pktmbuf_pool_create",
    "rte_mbuf_dynfield_register",
    "rte_mempool_avail_count",
    "rte_mempool_in_use_count",
    "rte_ring_create",
    "rte_ring_free",
    // ports
    "rte_eth_dev_adjust_nb_rx_tx_desc",
    "rte_eth_dev_callback_register",
    "rte_eth_dev_callback_unregister",
    "rte_eth_dev_close",
    "rte_eth_dev_configure",
    "rte_eth_dev_get_name_by_port",
    "rte_eth_dev_get_port_by_name",
    "rte_eth_dev_info_get",
    "rte_eth_dev_is_valid_port",
    "rte_eth_dev_rss_hash_conf_get",
    "rte_eth_dev_rss_hash_update",
    "rte_eth_dev_rss_reta_query",
    "rte_eth_dev_rss_reta_update",
    "rte_eth_dev_set_link_down",
    "rte_eth_dev_set_link_up",
    "rte_eth_dev_set_mtu",
    "rte_eth_dev_get_mtu",
    "rte_eth_dev_socket_id",
    "rte_eth_dev_start",
    "rte_eth_dev_stop",
    "rte_eth_allmulticast_enable",
    "rte_eth_macaddr_get",
    "rte_eth_promiscuous_enable",
    "rte_eth_rx_queue_setup",
    "rte_eth_stats_get",
    "rte_eth_tx_queue_setup",
    // the shim
    "shim_errno",
    "shim_lcore_id",
    "shim_tsc",
    "shim_log_to_stderr",
    "shim_link",
    "shim_rx_burst",
    "shim_tx_burst",
    "shim_mbuf_alloc",
    "shim_mbuf_alloc_bulk",
    "shim_mbuf_free",
    "shim_mbuf_free_bulk",
    "shim_ring_enqueue_burst",
    "shim_ring_dequeue_burst",
    "shim_ring_count",
];

/// Types that a function's signature does not bring in by itself.
const TYPES: &[&str] = &["rte_eth_rss_reta_entry64"];

/// Constants: macros of DPDK, and those that the shim's header gives a type (all
/// of its `SHIM_` names).
const CONSTANTS: &[&str] = &[
    "RTE_VER_YEAR",
    "RTE_VER_MONTH",
    "RTE_ETH_RETA_GROUP_SIZE",
    "RTE_PKTMBUF_HEADROOM",
    "RTE_MAX_LCORE",
    "RTE_ETH_NAME_MAX_LEN",
    "RING_F_SP_ENQ",
    "RING_F_SC_DEQ",
    "RING_F_EXACT_SZ",
    "SHIM_.*",
];

/// Enums become newtypes: a driver may return a value that this version of the header does not name.
const NEWTYPE_ENUMS: &[&str] = &["rte_eth_rx_mq_mode", "rte_eth_tx_mq_mode"];

/// Types whose insides are reached only through functions or the checked view of an mbuf.
const OPAQUE: &[&str] = &["rte_mbuf", "rte_mempool", "rte_ring", "rte_device"];

fn main() -> Result<(), Box<dyn Error>> {
    for file in [HEADER, SOURCE] {
        println!("cargo:rerun-if-changed={file}");
    }
    let library = pkg_config::Config::new()
        .range_version("22.11".."26")
        .probe("libdpdk")
        .map_err(|error| {
            format!(
                "DPDK was not found: {error}\nRun dpdk-build/install.sh, or set PKG_CONFIG_PATH to the \
                 directory of libdpdk.pc."
            )
        })?;
    let machine = machine_flags();

    let mut shim = cc::Build::new();
    shim.file(SOURCE).includes(&library.include_paths).opt_level(3).std("gnu11");
    // DPDK's inline functions use unions and unused arguments freely.
    shim.flag("-Wno-unused-parameter");
    for flag in &machine {
        shim.flag(flag);
    }
    // Of `-Zsanitizer`, which `cargo xtask sanitize` builds with. DPDK's inline code stays as its library is: without.
    let sanitizers = env::var("CARGO_CFG_SANITIZE").unwrap_or_default();
    for sanitizer in sanitizers.split(',') {
        match sanitizer {
            "thread" => shim.define("SALLYPORT_THREAD_SANITIZER", None),
            "address" => {
                shim.define("SALLYPORT_ADDRESS_SANITIZER", None).flag("-fno-sanitize=address")
            }
            _ => &mut shim,
        };
    }
    shim.compile("sallyport_dpdk_shim");

    let mut builder = bindgen::Builder::default()
        .header(HEADER)
        .clang_args(library.include_paths.iter().map(|path| format!("-I{}", path.display())))
        .clang_args(&machine)
        .default_enum_style(bindgen::EnumVariation::NewType {
            is_bitfield: false,
            is_global: false,
        })
        .derive_default(true)
        .generate_comments(false)
        .layout_tests(true)
        .prepend_enum_name(false)
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()));
    for name in FUNCTIONS {
        builder = builder.allowlist_function(name);
    }
    for name in TYPES {
        builder = builder.allowlist_type(name);
    }
    for name in CONSTANTS {
        builder = builder.allowlist_var(name);
    }
    for name in NEWTYPE_ENUMS {
        builder = builder.newtype_enum(name);
    }
    for name in OPAQUE {
        builder = builder.opaque_type(name);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    builder
        .generate()
        .expect("bindgen reads the headers that pkg-config names (libclang-dev is needed)")
        .write_to_file(out.join("bindings.rs"))?;
    Ok(())
}

/// The `-m…` flags of `pkg-config --cflags libdpdk`: the instruction set that DPDK was built for.
fn machine_flags() -> Vec<String> {
    let pkg_config = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(pkg_config)
        .args(["--cflags", "libdpdk"])
        .output()
        .expect("pkg-config ran a moment ago");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter(|flag| flag.starts_with("-m"))
        .map(str::to_owned)
        .collect()
}
