//! Asks for many URLs, so many at once.

use std::{fmt, pin::Pin, time::Duration};

use ringfence_telemetry::{Effect, Fetched, Target};
use tokio::{task::JoinSet, time::sleep};

use super::queue::Queue;

/// The first pause after servers could not be asked. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Pauses one after another, without a good answer between them, after which all that is left is given up: some 45 s.
const MOST_PAUSES: u32 = 8;

/// What a fetch comes to; the error is one after which none will succeed.
pub(crate) type Fetching = Pin<Box<dyn Future<Output = Result<Fetched, String>> + Send>>;

/// How it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// URLs to ask for.
    pub total: usize,
    /// Those that were stored already, and are fresh.
    pub had: usize,
    /// Those that are stored now.
    pub stored: usize,
    /// Those that still hold, as their servers said.
    pub validated: usize,
    /// Those whose responses may not be stored.
    pub not_kept: usize,
    /// Those without a good answer.
    pub failed: usize,
    /// There was more to ask for than one run takes.
    pub has_more: bool,
}

impl Tally {
    /// How many it has an answer for.
    #[must_use]
    pub fn done(&self) -> usize {
        self.had + self.stored + self.validated + self.not_kept + self.failed
    }
}

impl fmt::Display for Tally {
    /// The counts that are not 0, such as `3 stored, 1 failed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.stored, "stored"),
            (self.validated, "validated"),
            (self.had, "fresh already"),
            (self.not_kept, "not kept"),
            (self.failed, "failed"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = told
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match told.is_empty() {
            true => f.write_str("nothing yet"),
            false => f.write_str(&told.join(", ")),
        }
    }
}

/// Is told how it goes.
pub trait Watch {
    /// One more is done.
    fn moved(&mut self, tally: &Tally);
    /// One has no good answer.
    fn failed(&mut self, url: &str, why: &str);
    /// No server can be asked: it waits for so long.
    fn waits(&mut self, pause: Duration);
}

/// Asks for all targets with `fetch`, `most` at once. Those for which there is no server are asked for again later, until
/// for some time none has a good answer. It waits only when there is nothing else to ask for.
///
/// # Errors
/// That of the first fetch after which none will succeed.
pub(crate) async fn run(
    targets: Vec<Target>,
    most: usize,
    fetch: impl Fn(Target) -> Fetching,
    watch: &mut impl Watch,
) -> Result<Tally, String> {
    let mut tally = Tally {
        total: targets.len(),
        ..Tally::default()
    };
    let most = most.max(1);
    let mut queue = Queue::new(targets, most);
    let mut running = JoinSet::new();
    // Pauses since the last good answer.
    let mut pauses = 0;
    loop {
        while running.len() < most {
            let Some(target) = queue.next() else {
                break;
            };
            let fetching = fetch(target.clone());
            running.spawn(async move { (target, fetching.await) });
        }
        if let Some(joined) = running.join_next().await {
            let (target, outcome) = joined.map_err(|error| error.to_string())?;
            let fetched = outcome?;
            match fetched.effect() {
                Effect::Unavailable => queue.tried(target, fetched),
                effect => {
                    pauses = 0;
                    queue.answered(&target);
                    count(&mut tally, effect, &target, &fetched, watch);
                }
            }
            continue;
        }
        if !queue.has_more() || pauses == MOST_PAUSES {
            break;
        }
        let pause = (FIRST_PAUSE * 2_u32.pow(pauses)).min(LONGEST_PAUSE);
        watch.waits(pause);
        sleep(pause).await;
        pauses += 1;
        queue.again();
    }
    let (tried, untried) = queue.give_up();
    for (target, fetched) in tried {
        count(&mut tally, fetched.effect(), &target, &fetched, watch);
    }
    for target in untried {
        watch.failed(&target.url, "given up, since no server answers");
        tally.failed += 1;
        watch.moved(&tally);
    }
    Ok(tally)
}

fn count(
    tally: &mut Tally,
    effect: Effect,
    target: &Target,
    fetched: &Fetched,
    watch: &mut impl Watch,
) {
    let sum = match effect {
        Effect::Had => &mut tally.had,
        Effect::Stored => &mut tally.stored,
        Effect::Validated => &mut tally.validated,
        Effect::NotKept => &mut tally.not_kept,
        Effect::Failed | Effect::Unavailable => {
            let why = fetched.reason.as_deref().unwrap_or("its server says so");
            watch.failed(&target.url, &format!("{}, {why}", fetched.status));
            &mut tally.failed
        }
    };
    *sum += 1;
    watch.moved(tally);
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[derive(Default)]
    struct Seen {
        moved: Vec<usize>,
        failed: Vec<String>,
        waits: Vec<Duration>,
    }

    impl Watch for Seen {
        fn moved(&mut self, tally: &Tally) {
            self.moved.push(tally.done());
        }
        fn failed(&mut self, url: &str, why: &str) {
            self.failed.push(format!("{url}: {why}"));
        }
        fn waits(&mut self, pause: Duration) {
            self.waits.push(pause);
        }
    }

    fn fetched(status: u16, cache: Option<&str>, reason: Option<&str>) -> Fetched {
        Fetched {
            status,
            cache: cache.map(str::to_owned),
            stored: cache == Some("MISS"),
            reason: reason.map(str::to_owned),
        }
    }

    fn play(
        urls: usize,
        most: usize,
        answer: impl Fn(&str, usize) -> Result<Fetched, String> + Send + Sync + 'static,
    ) -> (Result<Tally, String>, Seen, usize) {
        let targets = (0..urls).map(|at| Target::of(format!("http://a/{at}")));
        play_all(targets.collect(), most, answer)
    }

    fn play_all(
        targets: Vec<Target>,
        most: usize,
        answer: impl Fn(&str, usize) -> Result<Fetched, String> + Send + Sync + 'static,
    ) -> (Result<Tally, String>, Seen, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (answer, asked) = (Arc::new(answer), Arc::new(Mutex::new(Vec::<String>::new())));
        let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let most_seen = peak.clone();
        let fetch = move |target: Target| -> Fetching {
            let (answer, asked) = (answer.clone(), asked.clone());
            let (now, peak) = (now.clone(), peak.clone());
            Box::pin(async move {
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                let times = {
                    let mut asked = asked.lock().unwrap();
                    asked.push(target.url.clone());
                    asked.iter().filter(|url| **url == target.url).count()
                };
                answer(&target.url, times)
            })
        };
        let mut seen = Seen::default();
        let outcome = runtime.block_on(run(targets, most, fetch, &mut seen));
        (outcome, seen, most_seen.load(Ordering::SeqCst))
    }

    #[test]
    fn all_are_asked_for_and_so_many_at_once() {
        let (outcome, seen, peak) = play(20, 3, |url, _| {
            Ok(match url {
                "http://a/1" => fetched(200, Some("HIT"), None),
                "http://a/2" => fetched(404, Some("MISS"), None),
                "http://a/3" => fetched(404, None, Some("no_route")),
                "http://a/4" => fetched(200, Some("REVALIDATED"), None),
                "http://a/5" => fetched(504, None, Some("not_cached")),
                _ => fetched(200, Some("MISS"), None),
            })
        });
        let tally = Tally {
            total: 20,
            had: 1,
            stored: 16,
            validated: 1,
            not_kept: 1,
            failed: 1,
            has_more: false,
        };
        assert_eq!(outcome, Ok(tally));
        assert_eq!(peak, 3);
        assert_eq!(seen.moved, (1..=20).collect::<Vec<_>>());
        assert_eq!(seen.failed, ["http://a/3: 404, no_route"]);
        assert!(seen.waits.is_empty());
    }

    #[test]
    fn a_server_that_returns_is_waited_for() {
        let (outcome, seen, _) = play(6, 2, |_, times| {
            Ok(match times {
                1..3 => fetched(503, None, Some("no_server")),
                _ => fetched(200, Some("MISS"), None),
            })
        });
        assert_eq!(
            outcome.map(|tally| (tally.stored, tally.failed)),
            Ok((6, 0))
        );
        assert!(!seen.waits.is_empty() && seen.failed.is_empty());
    }

    #[test]
    fn what_never_answers_is_given_up() {
        let (outcome, seen, _) = play(50, 4, |_, _| Ok(fetched(503, None, Some("no_server"))));
        let tally = outcome.unwrap();
        assert_eq!((tally.failed, tally.done()), (50, 50));
        assert_eq!(seen.failed.len(), 50, "each is named");
        assert_eq!(seen.waits.len(), MOST_PAUSES as usize);
        let waited: Duration = seen.waits.iter().sum();
        assert!(waited < Duration::from_secs(60), "{waited:?}");
    }

    #[test]
    fn one_that_fails_does_not_hold_up_the_others() {
        let (outcome, seen, _) = play(100, 2, |url, _| {
            Ok(match url {
                "http://a/0" => fetched(502, None, Some("connect_failed")),
                _ => fetched(200, Some("MISS"), None),
            })
        });
        assert_eq!(
            outcome.map(|tally| (tally.stored, tally.failed)),
            Ok((99, 1))
        );
        assert_eq!(seen.moved[98], 99, "it comes last");
    }

    #[test]
    fn a_host_that_is_dead_does_not_hold_up_another() {
        let of = |host: &'static str| (0..100).map(move |at| format!("http://{host}/{at}"));
        let targets = of("dead").chain(of("live")).map(Target::of).collect();
        let (outcome, seen, _) = play_all(targets, 4, |url, _| {
            Ok(match url.starts_with("http://dead/") {
                true => fetched(503, None, Some("no_server")),
                false => fetched(200, Some("MISS"), None),
            })
        });
        let tally = outcome.unwrap();
        assert_eq!((tally.stored, tally.failed), (100, 100));
        assert_eq!(seen.waits.len(), MOST_PAUSES as usize);
    }

    #[test]
    fn where_nobody_answers_any_more_it_ends() {
        let (outcome, ..) = play(10, 2, |_, _| Err("it is ending".to_owned()));
        assert_eq!(outcome, Err("it is ending".to_owned()));
    }

    #[test]
    fn nothing_is_done_at_once() {
        let (outcome, ..) = play(0, 2, |_, _| unreachable!());
        assert_eq!(outcome, Ok(Tally::default()));
    }
}
