//! What the simulated origins serve: pages that change, and what they say of caching.

use ringfence_http::date::write_http_date;
use ringfence_io::sim::Dice;

use super::model::{Rules, Said, Wants};

/// Fields that answers may depend on.
pub(crate) const FIELDS: [&str; 4] = ["Accept-Language", "X-Kind", "Cookie", "Authorization"];

/// The place of a user's name among them.
pub(crate) const USER: usize = 3;

/// The place of `X-Kind` among them.
pub(crate) const KIND: usize = 1;

/// What a request has in these fields, whatever way it is written.
pub(crate) type Selecting = [Option<u64>; 4];

/// One URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Page {
    pub(crate) place: usize,
    /// Which of [`HOSTS`] it is asked of.
    pub(crate) host: usize,
    pub(crate) number: u64,
    pub(crate) query: Option<u64>,
}

/// The hosts of the site.
pub(crate) const HOSTS: [&str; 2] = ["example.com", "other.example:8080"];

/// Parts of the site, each on a route of its own: the path, what the file says of it, and the same for the model.
pub(crate) const PLACES: [(&str, &str, Rules); 8] = [
    ("a", "", PLAIN),
    (
        "b",
        "ttl = \"60s\"\nstale_while_revalidate = \"2m\"\nstale_if_error = \"5m\"\nserve_stale = \"30m\"\ntags = [\"b\"]\n",
        Rules {
            ttl: Some(60),
            while_revalidate: Some(120),
            if_error: Some(300),
            serve_stale: Some(1800),
            ..PLAIN
        },
    ),
    (
        "u",
        "per_user = \"authorization\"\n",
        Rules {
            per_user: true,
            ..PLAIN
        },
    ),
    (
        "k",
        "key = { headers = [\"x-kind\"], drop = [\"q\"] }\n",
        Rules {
            keys_kind: true,
            drops_query: true,
            ..PLAIN
        },
    ),
    (
        "m",
        "min_uses = 2\nmax_object = 3000\n",
        Rules {
            min_uses: true,
            max_object: Some(3000),
            ..PLAIN
        },
    ),
    (
        "i",
        "origin = \"ignore\"\nttl = \"100s\"\nmax_object = 2500\n",
        Rules {
            ttl: Some(100),
            ignore: true,
            max_object: Some(2500),
            ..PLAIN
        },
    ),
    (
        "h",
        "key = { host = false }\n",
        Rules {
            shares_hosts: true,
            ..PLAIN
        },
    ),
    (
        "z",
        "",
        Rules {
            compresses: true,
            ..PLAIN
        },
    ),
];

const PLAIN: Rules = Rules {
    ttl: None,
    ignore: false,
    while_revalidate: None,
    if_error: None,
    serve_stale: None,
    per_user: false,
    keys_kind: false,
    drops_query: false,
    min_uses: false,
    max_object: None,
    shares_hosts: false,
    compresses: false,
};

impl Page {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        Self {
            place: dice.below(PLACES.len() as u64) as usize,
            host: usize::from(dice.chance(250)),
            number: dice.below(3),
            query: dice.chance(300).then(|| dice.below(2)),
        }
    }

    pub(crate) fn rules(&self) -> &'static Rules {
        &PLACES[self.place].2
    }

    /// What of it the route's key has.
    pub(crate) fn key(&self) -> Self {
        Self {
            query: self.query.filter(|_| !self.rules().drops_query),
            host: if self.rules().shares_hosts {
                0
            } else {
                self.host
            },
            ..*self
        }
    }

    pub(crate) fn url(&self) -> String {
        let query = self
            .query
            .map_or(String::new(), |query| format!("?q={query}"));
        format!("/{}/{}{query}", PLACES[self.place].0, self.number)
    }

    /// The page of a request's target and host, as an origin gets them.
    pub(crate) fn of(target: &str, host: &str) -> Option<Self> {
        let host = HOSTS
            .iter()
            .position(|known| known.eq_ignore_ascii_case(host))?;
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        let (place, number) = path.strip_prefix('/')?.split_once('/')?;
        let query = match query {
            None => None,
            Some(query) => Some(query.split_once('=')?.1.parse().ok()?),
        };
        Some(Self {
            place: PLACES.iter().position(|known| known.0 == place)?,
            host,
            number: number.parse().ok()?,
            query,
        })
    }

    /// One of the ways in which it can be written.
    pub(crate) fn spell(&self, dice: &mut Dice) -> String {
        let url = self.url();
        match dice.below(6) {
            0 => url.replacen('/', "/./", 1),
            1 => url.replacen('/', "/x/../", 1),
            2 => format!("/%{:x}{}", url.as_bytes()[1], &url[2..]),
            3 => url.replace("?q=", "?%71="),
            _ => url,
        }
    }
}

/// What a page says of its caching for as long as it does not change its mind. In a calm run most can be kept.
pub(crate) fn mind(dice: &mut Dice, calm: bool) -> Said {
    let odd = if calm { 20 } else { 90 };
    let mut some = |chance: u32, from: &[u64]| dice.chance(chance).then(|| *dice.pick(from));
    let times = [0, 3, 20, 120, 4_000, 200_000];
    let mut said = Said {
        max_age: some(600, &times),
        s_maxage: some(150, &times),
        while_revalidate: some(200, &[5, 60, 10_000]),
        if_error: some(200, &[5, 60, 10_000]),
        expires: some(250, &times),
        ..Said::default()
    };
    for flag in [
        &mut said.no_store,
        &mut said.no_cache,
        &mut said.private,
        &mut said.proxy_revalidate,
        &mut said.must_understand,
        &mut said.sets_cookie,
        &mut said.varies_always,
    ] {
        *flag = dice.chance(odd);
    }
    said.must_revalidate = dice.chance(120);
    said.public = dice.chance(200);
    said.secret = dice
        .chance(odd)
        .then(|| *dice.pick(&["private", "no-cache"]));
    said.dated = dice.chance(850);
    said.tagged = dice.chance(600);
    said.modified = dice.chance(500);
    for named in &mut said.vary {
        *named = dice.chance(150);
    }
    said.targeted = !words(&said).is_empty() && dice.chance(120);
    if said.targeted && (said.no_cache || said.private) {
        // Of two members of one name a dictionary has the last (RFC 8941 section 3.2).
        said.secret = None;
    }
    said
}

/// The directives that say it, each as the grammar has it.
fn words(said: &Said) -> Vec<String> {
    let mut words = Vec::new();
    for (flag, word) in [
        (said.no_store, "no-store"),
        (said.no_cache, "no-cache"),
        (said.private, "private"),
        (said.public, "public"),
        (said.must_revalidate, "must-revalidate"),
        (said.proxy_revalidate, "proxy-revalidate"),
        (said.must_understand, "must-understand"),
    ] {
        words.extend(flag.then(|| word.to_owned()));
    }
    for (seconds, word) in [
        (said.max_age, "max-age"),
        (said.s_maxage, "s-maxage"),
        (said.while_revalidate, "stale-while-revalidate"),
        (said.if_error, "stale-if-error"),
    ] {
        words.extend(seconds.map(|seconds| format!("{word}={seconds}")));
    }
    words.extend(said.secret.map(|word| format!("{word}=\"x-secret\"")));
    words
}

/// Writes what an origin says of caching, in one of the ways in which that can be written.
pub(crate) fn spell(said: &Said, date: u64, changed: u64, dice: &mut Dice) -> String {
    let mut words = words(said);
    // Of several counts the first holds, and an unknown directive changes nothing.
    if said.max_age.is_some() && dice.chance(100) && !said.targeted {
        words.push("max-age=99999".to_owned());
    }
    let mut out = String::new();
    if said.targeted {
        out += &format!("CDN-Cache-Control: {}\r\n", words.join(", "));
        out += *dice.pick(&[
            "Cache-Control: no-store, private\r\n",
            "Cache-Control: max-age=99999, public\r\n",
        ]);
    } else {
        if dice.chance(200) {
            words.push("x-odd=\"no-store, private\"".to_owned());
        }
        let (first, rest) = words.split_at(dice.below(words.len() as u64 + 1) as usize);
        for line in [first, rest] {
            let line = line.iter().map(|word| case(word, dice)).collect::<Vec<_>>();
            if !line.is_empty() {
                out += &format!(
                    "Cache-Control: {}\r\n",
                    line.join(*dice.pick(&[",", ", ", " ,\t,"]))
                );
            }
        }
    }
    if let Some(seconds) = said.expires {
        let text = if seconds == 0 {
            "0".to_owned()
        } else {
            http_date(date + seconds)
        };
        out += &format!("Expires: {text}\r\n");
    }
    if said.dated {
        out += &format!("Date: {}\r\n", http_date(date));
    }
    if said.modified {
        out += &format!("Last-Modified: {}\r\n", http_date(changed));
    }
    if said.sets_cookie {
        out += "Set-Cookie: s=9\r\n";
    }
    let named = FIELDS.iter().zip(said.vary).filter(|(_, named)| *named);
    let mut named: Vec<String> = named.map(|(name, _)| case(name, dice)).collect();
    if said.varies_always {
        named.push("*".to_owned());
    }
    if !named.is_empty() {
        out += &format!(
            "Vary: {}\r\n",
            named.join(*dice.pick(&[",", ", ", "\r\nVary: "]))
        );
    }
    out
}

fn case(word: &str, dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => word.to_ascii_uppercase(),
        _ => word.to_owned(),
    }
}

pub(crate) fn http_date(seconds: u64) -> String {
    let mut out = Vec::new();
    write_http_date(seconds, &mut out);
    String::from_utf8(out).expect("a date is ASCII")
}

/// Writes what a request has in the fields that answers may depend on, in one of the ways that mean the same.
pub(crate) fn spell_selecting(selecting: &Selecting, dice: &mut Dice) -> String {
    let mut out = String::new();
    for (name, value) in FIELDS.iter().zip(selecting) {
        let Some(value) = value else { continue };
        let text = match (*name, value) {
            ("Accept-Language", 0) => *dice.pick(&["en, de;q=0.5", "de;q=0.5,en", "EN , DE;q=0.5"]),
            ("Accept-Language", _) => *dice.pick(&["en", "EN"]),
            ("Cookie", 0) => "s=0",
            ("Cookie", _) => "s=1; t=2",
            ("Authorization", 0) => "Basic YTph",
            ("Authorization", _) => "Basic YjpZ",
            (_, 0) => *dice.pick(&["x, y", "x,y", "x\r\nX-Kind: y"]),
            _ => "y, x",
        };
        out += &format!("{name}: {text}\r\n");
    }
    out
}

/// Writes what a client says of caching.
pub(crate) fn spell_wants(wants: &Wants, dice: &mut Dice) -> String {
    let mut words = Vec::new();
    for (flag, word) in [
        (wants.no_store, "no-store"),
        (wants.only_if_cached, "only-if-cached"),
    ] {
        words.extend(flag.then(|| word.to_owned()));
    }
    for (seconds, word) in [(wants.max_age, "max-age"), (wants.min_fresh, "min-fresh")] {
        words.extend(seconds.map(|seconds| format!("{word}={seconds}")));
    }
    words.extend(wants.max_stale.map(|most| match most {
        u64::MAX => "max-stale".to_owned(),
        most => format!("max-stale={most}"),
    }));
    if wants.no_cache && words.is_empty() && dice.chance(300) {
        return "Pragma: no-cache\r\n".to_owned();
    }
    words.extend(wants.no_cache.then(|| "no-cache".to_owned()));
    match words.is_empty() {
        true => String::new(),
        false => format!("Cache-Control: {}\r\n", words.join(", ")),
    }
}
