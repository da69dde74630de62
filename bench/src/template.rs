//! Configuration templates: text with `{{name}}` places.

/// Fills the places of `template`.
///
/// # Panics
/// Where a place has no value or a value has no place: both are mistakes in this program, and its tests fill every
/// template.
#[must_use]
pub fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut used = vec![false; values.len()];
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("a place ends with }}");
        let place = values.iter().position(|(known, _)| *known == name);
        let place = place.unwrap_or_else(|| panic!("no value for {{{{{name}}}}}"));
        used[place] = true;
        filled.push_str(before);
        filled.push_str(values[place].1);
        rest = after;
    }
    filled.push_str(rest);
    let unused = used.iter().position(|used| !used);
    assert!(
        unused.is_none(),
        "no place for {:?}",
        unused.map(|place| values[place].0)
    );
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_everywhere() {
        assert_eq!(
            fill("a {{x}} b {{y}}{{x}}", &[("x", "1"), ("y", "")]),
            "a 1 b 1"
        );
        assert_eq!(fill("{ plain } $x", &[]), "{ plain } $x");
    }

    #[test]
    #[should_panic(expected = "no value for {{x}}")]
    fn a_place_without_a_value_is_a_mistake() {
        let _ = fill("{{x}}", &[]);
    }

    #[test]
    #[should_panic(expected = "no place for")]
    fn a_value_without_a_place_is_a_mistake() {
        let _ = fill("", &[("x", "1")]);
    }
}
