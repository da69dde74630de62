//! The JSON Schema says what loading does.

use ringfence_config::{Overrides, Plan, schema};

/// A small file that has every section with defaults.
const FILE: &str = "
[[listener]]
address = \"127.0.0.1:8080\"
[[route]]
upstream = \"app\"
cache = true
[upstream.app]
servers = [\"127.0.0.1:3001\"]
sticky = {}
check = { type = \"http\" }
";

fn effective() -> toml::Value {
    let plan = Plan::load(FILE, "test.toml", &|_| None, &Overrides::default()).unwrap();
    toml::from_str(&plan.effective()).unwrap()
}

/// What a description calls the default, as TOML: words and durations there lack their quotes.
fn documented_default(description: &str) -> Option<toml::Value> {
    let (_, after) = description.split_once("Default `")?;
    let text = after.split('`').next()?;
    let parse = |value: &str| toml::from_str::<toml::Table>(&format!("x = {value}")).ok();
    let table = parse(text).or_else(|| parse(&format!("{text:?}")))?;
    table.get("x").cloned()
}

/// Every property of the schema's tables with its description: table, key, description.
fn described() -> Vec<(String, String, String)> {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    let mut found = Vec::new();
    for (table, definition) in schema["$defs"].as_object().unwrap() {
        let properties = definition
            .get("properties")
            .and_then(|properties| properties.as_object());
        for (key, property) in properties.into_iter().flatten() {
            let description = property.get("description").and_then(|text| text.as_str());
            let description =
                description.unwrap_or_else(|| panic!("{table}.{key} has no description"));
            found.push((table.clone(), key.clone(), description.to_owned()));
        }
    }
    found
}

/// Where a table of the schema is in an effective file.
fn place<'a>(file: &'a toml::Value, table: &str) -> Option<&'a toml::Value> {
    let upstream = &file["upstream"]["app"];
    let route = &file["route"][0];
    Some(match table {
        "Workers" => &file["workers"],
        "Timeouts" => &file["timeouts"],
        "Limits" => &file["limits"],
        "Forwarding" => &file["forwarding"],
        "Expose" => &file["expose"],
        "AccessLog" => &file["access_log"],
        "Admin" => &file["admin"],
        "Resolver" => &file["resolver"],
        "Cache" => &file["cache"],
        "Route" => route,
        "RouteCache" => &route["cache"],
        "Bypass" => &route["cache"]["bypass"],
        "CacheKey" => &route["cache"]["key"],
        "Retry" => &route["retry"],
        "Upstream" => upstream,
        "Server" => &upstream["servers"][0],
        "Check" => &upstream["check"],
        "Ejection" => &upstream["ejection"],
        "Sticky" => &upstream["sticky"],
        "Queue" => &upstream["queue"],
        "Pool" => &upstream["pool"],
        "RetryBudget" => &upstream["retry_budget"],
        _ => return None,
    })
}

#[test]
fn documented_defaults_are_the_defaults() {
    let file = effective();
    let route_timeouts = &file["route"][0]["timeouts"];
    let mut checked = 0;
    for (table, key, description) in described() {
        let Some(documented) = documented_default(&description) else {
            continue;
        };
        let written = place(&file, &table)
            .and_then(|place| place.get(&key).or_else(|| route_timeouts.get(&key)));
        let Some(written) = written.filter(|written| !written.is_table()) else {
            continue;
        };
        let shown = |value: &toml::Value| value.to_string().replace(['[', ']', '"'], "");
        assert_eq!(shown(written), shown(&documented), "{table}.{key}");
        checked += 1;
    }
    assert!(checked > 60, "{checked}");
}

#[test]
fn every_key_is_described() {
    assert!(described().len() > 100);
}

#[test]
fn every_key_of_the_full_example_is_in_the_schema() {
    let keys: Vec<String> = described().into_iter().map(|(_, key, _)| key).collect();
    let full: toml::Table = toml::from_str(include_str!("../examples/full.toml")).unwrap();
    for section in [
        "workers",
        "timeouts",
        "limits",
        "cache",
        "retry",
        "forwarding",
        "expose",
        "access_log",
        "admin",
        "resolver",
    ] {
        for key in full[section].as_table().unwrap().keys() {
            assert!(keys.contains(key), "{section}.{key}");
        }
    }
    // And the other way round: the full example has every key that there is.
    let text = include_str!("../examples/full.toml");
    for (table, key, _) in described() {
        let there = text.lines().any(|line| {
            line.split([' ', '{', ',', '.', ']', '['])
                .any(|word| word == key)
        });
        let elsewhere = matches!(key.as_str(), "domain" | "weight");
        assert!(there || elsewhere, "the full example lacks {table}.{key}");
    }
}
