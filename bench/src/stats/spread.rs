//! A figure over several rounds: its median, and how far it strayed.

use serde::Serialize;

/// The median of a figure with its least and greatest value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle value; the mean of the middle two where their number is even.
    pub median: f64,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`, leaving out what is not a finite number; `None` where nothing is left.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values
            .into_iter()
            .filter(|value| value.is_finite())
            .collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        Some(Self { median, min, max })
    }

    /// The spread of `ours / theirs` over the rounds in which both have a figure. Rounds are compared with each other
    /// and not the medians, so that what slowed a whole round down cancels out.
    #[must_use]
    pub fn of_ratios(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<Self> {
        Self::of(
            ours.iter()
                .zip(theirs)
                .filter_map(|(ours, theirs)| Some((*ours)? / (*theirs)?)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_and_even_numbers_of_rounds() {
        assert_eq!(
            Spread::of([3.0, 1.0, 2.0]),
            Some(Spread {
                median: 2.0,
                min: 1.0,
                max: 3.0
            })
        );
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(
            Spread::of([7.0]),
            Some(Spread {
                median: 7.0,
                min: 7.0,
                max: 7.0
            })
        );
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn what_is_no_number_does_not_count() {
        assert_eq!(
            Spread::of([f64::NAN, 2.0, f64::INFINITY]),
            Some(Spread {
                median: 2.0,
                min: 2.0,
                max: 2.0
            })
        );
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ours = [Some(1.0), Some(4.0), None, Some(9.0)];
        let theirs = [Some(2.0), Some(4.0), Some(5.0), None];
        assert_eq!(
            Spread::of_ratios(&ours, &theirs),
            Some(Spread {
                median: 0.75,
                min: 0.5,
                max: 1.0
            })
        );
        assert_eq!(Spread::of_ratios(&[None], &[Some(1.0)]), None);
        assert_eq!(Spread::of_ratios(&[Some(1.0)], &[Some(0.0)]), None);
    }
}
