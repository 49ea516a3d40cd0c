//! Enumerations of the model: closed sets of words. A word outside the set is an error at the place where it is read.

/// Declares an enum of wire words with `as_str`, `ALL` and [`WireValue`](crate::wire::WireValue).
macro_rules! token_enum {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!("`", $text, "`.")] $variant,)+
        }

        impl $name {
            /// Every value, in the order of AWS's model.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl $crate::wire::WireValue for $name {
            fn from_wire(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }

            fn push_xml(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_str().as_bytes());
            }

            fn to_header(&self) -> ::http::HeaderValue {
                ::http::HeaderValue::from_static(self.as_str())
            }
        }
    };
}

pub(crate) use token_enum;

#[cfg(test)]
mod tests {
    use crate::generated::ServerSideEncryption;
    use crate::wire::WireValue;

    #[test]
    fn words_are_exact_and_closed() {
        assert_eq!(ServerSideEncryption::from_wire("aws:kms"), Some(ServerSideEncryption::AwsKms));
        assert_eq!(ServerSideEncryption::from_wire("AWS:KMS"), None);
        assert_eq!(ServerSideEncryption::from_wire(""), None);
        for word in ServerSideEncryption::ALL {
            assert_eq!(ServerSideEncryption::from_wire(word.as_str()), Some(*word));
        }
    }
}
