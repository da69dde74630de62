//! How limits of the whole process are split between workers.

/// The part of a process-wide limit that falls to one worker; every worker gets at least one
/// where there is anything to share.
pub(crate) fn share(whole: u32, workers: usize, worker: usize) -> usize {
    let (whole, workers) = (whole as usize, workers.max(1));
    let part = whole / workers + usize::from(worker < whole % workers);
    part.max(usize::from(whole > 0))
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_add_up_to_the_whole_and_starve_no_worker() {
        assert_eq!(
            (0..3).map(|w| share(10, 3, w)).collect::<Vec<_>>(),
            [4, 3, 3]
        );
        assert_eq!(
            (0..3).map(|w| share(1, 3, w)).collect::<Vec<_>>(),
            [1, 1, 1]
        );
        assert_eq!(share(0, 3, 0), 0);
    }
}
