//! What is asked for before a client asks, as the file says it: every key of `[[warm]]`.

use std::path::PathBuf;
use std::time::Duration;

use ringfence_config::{ConfigError, Overrides, Plan, Warm};

fn load(keys: &str) -> Result<Plan, ConfigError> {
    let text = match keys.contains("[[listener]]") {
        true => keys.to_owned(),
        false => format!(
            "[[listener]]\naddress = \"127.0.0.1:8080\"\n[upstream.app]\nservers = \"127.0.0.1:3001\"\n[[route]]\nupstream = \"app\"\n{keys}\n"
        ),
    };
    Plan::load(&text, "test.toml", &|_| None, &Overrides::default())
}

/// The plan's warmings, which say the same after they were written out.
fn warms(keys: &str) -> Vec<Warm> {
    let plan = load(keys).unwrap_or_else(|error| panic!("{}", error.render(false)));
    let text = plan.effective();
    let again = load(&text).unwrap_or_else(|error| panic!("{}\n{text}", error.render(false)));
    assert_eq!(again, plan, "{text}");
    plan.warms
}

#[test]
fn every_key_reaches_the_plan() {
    let warm = |keys: &str| warms(&format!("[[warm]]\n{keys}")).remove(0);
    let usual = Warm {
        urls: vec!["http://a/".to_owned()],
        list: None,
        sitemap: None,
        at_start: true,
        every: None,
        concurrency: 4,
    };
    assert_eq!(warm("urls = \"http://a/\""), usual);
    let all = "urls = []\nlist = \"l\"\nsitemap = \"s\"\nat_start = false\nevery = \"5m\"\nconcurrency = 9";
    let want = Warm {
        urls: Vec::new(),
        list: Some(PathBuf::from("l")),
        sitemap: Some("s".to_owned()),
        at_start: false,
        every: Some(Duration::from_secs(300)),
        concurrency: 9,
    };
    assert_eq!(warm(all), want);
    assert_eq!(warms(""), []);
    assert_eq!(
        warms("[[warm]]\nlist = \"a\"\n[[warm]]\nlist = \"b\"").len(),
        2
    );
}
