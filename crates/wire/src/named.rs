//! The one way to write a closed list of names that counters, logs and documents share.

/// Declares a closed enum whose every variant has a stable snake_case name.
///
/// The first line of a variant's documentation is its description. The enum gets `ALL` (every variant
/// in order), `COUNT`, `index` (its position in `ALL`), `name` and `Display` (the name).
#[macro_export]
macro_rules! named {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $type:ident {
            $( #[doc = $description:literal] $(#[doc = $more:literal])* $variant:ident = $name:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        $visibility enum $type {
            $( #[doc = $description] $(#[doc = $more])* $variant, )+
        }

        impl $type {
            /// Every variant, in the order of their indices.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];
            /// How many variants there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The position in [`Self::ALL`].
            #[inline]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The stable snake_case name that metrics, logs and commands show.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// One sentence on what it means.
            pub const fn description(self) -> &'static str {
                match self { $( Self::$variant => $description.trim_ascii(), )+ }
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
