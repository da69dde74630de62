//! Heads of requests and responses, parsed in place.

/// Gives a head the look-ups of its table of fields.
macro_rules! field_access {
    ($head:ident) => {
        impl $head {
            /// Value of the first field with this id: see [`Fields::get`].
            #[inline]
            pub fn get<'b>(&self, buf: &'b [u8], id: Name) -> Option<&'b [u8]> {
                self.fields.get(buf, id)
            }

            /// Values of all fields with this id: see [`Fields::get_all`].
            #[inline]
            pub fn get_all<'b>(
                &self,
                buf: &'b [u8],
                id: Name,
            ) -> impl DoubleEndedIterator<Item = &'b [u8]> + use<'_, 'b> {
                self.fields.get_all(buf, id)
            }

            /// Value of the first field of any name: see [`Fields::find`].
            #[inline]
            pub fn find<'b>(&self, buf: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
                self.fields.find(buf, name)
            }

            /// Values of all fields of any name: see [`Fields::find_all`].
            pub fn find_all<'b>(
                &self,
                buf: &'b [u8],
                name: &[u8],
            ) -> impl Iterator<Item = &'b [u8]> {
                self.fields.find_all(buf, name)
            }

            /// True if a Connection field names this field: see [`Fields::is_connection_named`].
            #[inline]
            pub fn is_connection_named(&self, buf: &[u8], field: &Field) -> bool {
                self.fields.is_connection_named(buf, field)
            }
        }
    };
}

mod diagnose;
mod facts;
mod lines;
mod progress;
mod request;
mod response;
mod target;

pub(crate) use lines::{Section, read_fields};
pub use request::RequestHead;
pub use response::ResponseHead;
