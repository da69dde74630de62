//! The children of a trie's node, by the text of a segment.

use hashbrown::HashMap;

/// Up to this many children are compared one by one, which is faster than to hash.
const FEW: usize = 4;

/// Children by the text of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literals {
    Few(Vec<(Box<[u8]>, u32)>),
    Many(HashMap<Box<[u8]>, u32>),
}

impl Default for Literals {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Literals {
    pub(super) fn get(&self, segment: &[u8]) -> Option<u32> {
        match self {
            Self::Few(few) => few
                .iter()
                .find(|(text, _)| **text == *segment)
                .map(|(_, child)| *child),
            Self::Many(many) => many.get(segment).copied(),
        }
    }

    /// The child of this segment, which is `new` if there was none.
    pub(super) fn get_or_insert(&mut self, segment: &[u8], new: u32) -> u32 {
        if let Some(child) = self.get(segment) {
            return child;
        }
        if let Self::Few(few) = self
            && few.len() == FEW
        {
            *self = Self::Many(few.drain(..).collect());
        }
        match self {
            Self::Few(few) => few.push((segment.into(), new)),
            Self::Many(many) => {
                many.insert(segment.into(), new);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_children_are_found_like_few() {
        let mut literals = Literals::default();
        for child in 0..20_u32 {
            let text = format!("s{child}");
            assert_eq!(literals.get(text.as_bytes()), None);
            assert_eq!(literals.get_or_insert(text.as_bytes(), child), child);
            assert_eq!(literals.get_or_insert(text.as_bytes(), 99), child);
        }
        assert_eq!(literals.get(b"s0"), Some(0));
        assert_eq!(literals.get(b"s19"), Some(19));
    }
}
