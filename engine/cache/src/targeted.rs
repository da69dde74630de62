//! Cache-Control for us rather than for all caches (RFC 9213).

use ringfence_http::Name;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::directives::Directive;
use crate::head::Head;
use crate::response::ResponseControl;

/// The fields that are meant for us, the one that counts most first.
const TARGETS: [Name; 2] = [Name::RingfenceCacheControl, Name::CdnCacheControl];

impl ResponseControl {
    /// What counts of what a response says: the first of the targeted fields that is there, is not empty and can be read;
    /// where none is, Cache-Control.
    #[must_use]
    pub fn in_force(response: Head<'_>) -> Self {
        let targeted = TARGETS.iter().find_map(|name| read(response, *name));
        targeted.unwrap_or_else(|| Self::of(response.values(Name::CacheControl)))
    }
}

fn read(response: Head<'_>, name: Name) -> Option<ResponseControl> {
    let mut lines = response.values(name);
    let mut list = lines.next()?.to_vec();
    for line in lines {
        list.extend_from_slice(b", ");
        list.extend_from_slice(line);
    }
    let dictionary: Dictionary = Parser::new(&list).parse().ok()?;
    (!dictionary.is_empty()).then(|| control(&dictionary))
}

fn control(dictionary: &Dictionary) -> ResponseControl {
    let mut control = ResponseControl {
        targeted: true,
        ..ResponseControl::default()
    };
    for (name, member) in dictionary {
        let (value, sound) = match member {
            ListEntry::Item(item) => match &item.bare_item {
                BareItem::Boolean(true) => (None, true),
                BareItem::Integer(number) => (Some(number.to_string()), true),
                // A number has a type of its own: in quotes it is none.
                BareItem::String(text) => {
                    let number = text.as_str().bytes().all(|byte| byte.is_ascii_digit());
                    (Some(text.as_str().to_owned()), !number)
                }
                _ => (None, false),
            },
            ListEntry::InnerList(_) => (None, false),
        };
        control.take(&Directive {
            name: name.as_str().as_bytes(),
            value: value.as_deref().map(str::as_bytes),
            sound,
        });
    }
    control
}
