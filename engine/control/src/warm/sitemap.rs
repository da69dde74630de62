//! Reads sitemaps (<https://www.sitemaps.org/protocol.html>).

use quick_xml::{
    XmlVersion,
    escape::resolve_xml_entity,
    events::{BytesRef, Event},
    reader::Reader,
};

/// Bytes of one URL.
const LONGEST: usize = 8 << 10;

/// What a sitemap has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sitemap {
    /// URLs of pages.
    pub(super) pages: Vec<String>,
    /// URLs of further sitemaps.
    pub(super) maps: Vec<String>,
}

impl Sitemap {
    /// Where the text of the element at `path` belongs; none where it is no URL.
    fn list(&mut self, path: &[String]) -> Option<&mut Vec<String>> {
        let is = |names: [&str; 3]| path.iter().eq(names.iter());
        if is(["urlset", "url", "loc"]) {
            Some(&mut self.pages)
        } else if is(["sitemapindex", "sitemap", "loc"]) {
            Some(&mut self.maps)
        } else {
            None
        }
    }
}

/// Reads a sitemap, or an index of sitemaps, with at most so many URLs.
///
/// # Errors
/// Why it is none.
pub(super) fn read(text: &str, most: usize) -> Result<Sitemap, String> {
    let mut reader = Reader::from_str(text);
    let mut found = Sitemap::default();
    let mut path: Vec<String> = Vec::new();
    let mut url = String::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                if path.len() > 8 {
                    return Err("it is nested too deeply".to_owned());
                }
                path.push(tag.local_name().as_ref().to_owned());
                url.clear();
            }
            Event::End(_) => {
                if let Some(list) = found.list(&path) {
                    list.push(url.trim().to_owned());
                }
                path.pop();
                url.clear();
            }
            // Only what is in a `loc` is of use.
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_)
                if found.list(&path).is_none() => {}
            Event::Text(text) => url.push_str(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => url.push_str(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(name) => push_reference(&name, &mut url)?,
            Event::Eof => break,
            Event::Empty(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
        if url.len() > LONGEST {
            return Err(format!("it has a URL of more than {LONGEST} bytes"));
        }
        if found.pages.len() + found.maps.len() > most {
            return Err(format!("it has more than {most} URLs"));
        }
    }
    if !path.is_empty() {
        return Err("it ends too early".to_owned());
    }
    match found.pages.is_empty() && found.maps.is_empty() {
        true => Err("it has no URL: it is to be XML, not compressed".to_owned()),
        false => Ok(found),
    }
}

/// Appends what a reference such as `&amp;` stands for.
fn push_reference(name: &BytesRef<'_>, out: &mut String) -> Result<(), String> {
    if let Some(one) = name.resolve_char_ref().map_err(|error| error.to_string())? {
        out.push(one);
        return Ok(());
    }
    match resolve_xml_entity(name) {
        Some(text) => {
            out.push_str(text);
            Ok(())
        }
        None => Err(format!("&{}; means nothing", &**name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(text: &str) -> Vec<String> {
        read(text, 100).expect(text).pages
    }

    #[test]
    fn pages_and_maps_are_found() {
        let text = r#"<?xml version="1.0" encoding="UTF-8"?>
            <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="urn:i">
              <!-- none --> <url><loc> http://a/x?b=1&amp;c=&#50; </loc><lastmod>2026-01-01</lastmod>
              <i:image><i:loc>http://a/image</i:loc></i:image></url>
              <url><loc><![CDATA[http://a/y]]></loc></url>
            </urlset>"#;
        assert_eq!(pages(text), ["http://a/x?b=1&c=2", "http://a/y"]);
        let index = "<sitemapindex><sitemap><loc>http://a/1.xml</loc></sitemap></sitemapindex>";
        let found = read(index, 1).unwrap();
        assert_eq!(
            (found.pages.len(), found.maps),
            (0, vec!["http://a/1.xml".to_owned()])
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        let many = format!(
            "<urlset>{}</urlset>",
            "<url><loc>http://a/</loc></url>".repeat(101)
        );
        let long = format!(
            "<urlset><url><loc>{}</loc></url></urlset>",
            "a".repeat(9_000)
        );
        let tailed = long.replace("</loc>", "&amp;http://a/</loc>");
        let deep = "<a>".repeat(100);
        for (text, why) in [
            ("", "no URL"),
            ("\u{1f}\u{8b}", "no URL"),
            ("<html><body>", "ends too early"),
            ("<urlset><url></loc>", ""),
            (
                "<urlset><url><loc>&lol;</loc></url></urlset>",
                "&lol; means nothing",
            ),
            (&many, "more than 100"),
            (&deep, "too deeply"),
            (&long, "more than 8192 bytes"),
            (&tailed, "more than 8192 bytes"),
        ] {
            let error = read(text, 100).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
        let noted = format!(
            "<urlset><url><loc>http://a/</loc><note>{}&lol;</note></url></urlset>",
            "a".repeat(9_000)
        );
        assert_eq!(
            pages(&noted),
            ["http://a/"],
            "what is no URL is passed over"
        );
    }
}
