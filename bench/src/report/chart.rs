//! Curves drawn as SVG: a panel for each thing that grows, a line for each proxy, the spread of the rounds as whiskers.

use std::fmt::Write;

use crate::peer::Peer;
use crate::report::summary::Row;
use crate::report::table::thousands;

/// The size of a panel, and of the margins around its plot, in pixels.
const PANEL: (f64, f64) = (420.0, 260.0);
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 48.0;
/// The height of a line that names proxies, of the space around those lines, and the width of a name with its stroke.
const KEY: (f64, f64) = (110.0, 20.0);
const KEY_SPACE: f64 = 14.0;
/// Panels side by side.
const COLUMNS: usize = 2;
/// About how many lines a panel's grid has.
const GRID: f64 = 4.0;

/// One panel.
#[derive(Debug, Clone)]
pub struct Curves {
    /// What grows.
    pub axis: &'static str,
    /// The steps, from left to right.
    pub points: Vec<Point>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Point {
    /// How many there are of what grows.
    pub value: usize,
    /// What the proxies did.
    pub rows: Vec<Row>,
}

/// All panels, with the CPU time for each request over what grows. Steps are equally far apart, whatever their values.
#[must_use]
pub fn draw(panels: &[Curves]) -> String {
    let columns = panels.len().clamp(1, COLUMNS);
    let rows = panels.len().div_ceil(COLUMNS);
    let width = PANEL.0 * columns as f64;
    let peers = peers(panels);
    let keys_a_line = ((width - LEFT) / KEY.0) as usize;
    let legend_height = peers.len().div_ceil(keys_a_line) as f64 * KEY.1 + KEY_SPACE;
    let height = PANEL.1 * rows as f64 + legend_height;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\" fill=\"#333\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    svg += &legend(&peers, keys_a_line);
    for (number, panel) in panels.iter().enumerate() {
        let x = PANEL.0 * (number % COLUMNS) as f64;
        let y = PANEL.1 * (number / COLUMNS) as f64 + legend_height;
        let _ = writeln!(
            svg,
            "<g transform=\"translate({x} {y})\">\n{}</g>",
            draw_panel(panel)
        );
    }
    svg + "</svg>\n"
}

/// The proxies that appear, in the order of the table.
fn peers(panels: &[Curves]) -> Vec<Peer> {
    let appears = |peer: &Peer| {
        let rows = panels
            .iter()
            .flat_map(|panel| &panel.points)
            .flat_map(|point| &point.rows);
        rows.into_iter().any(|row| row.peer == *peer)
    };
    Peer::ALL.into_iter().filter(appears).collect()
}

/// The lines that name the proxies.
fn legend(peers: &[Peer], keys_a_line: usize) -> String {
    let mut svg = String::new();
    for (number, peer) in peers.iter().enumerate() {
        let x = LEFT + KEY.0 * (number % keys_a_line) as f64;
        let y = KEY.1 * (1 + number / keys_a_line) as f64;
        let colour = colour(*peer);
        let _ = writeln!(
            svg,
            "<path d=\"M{x} {y}h20\" stroke=\"{colour}\" stroke-width=\"3\"/>"
        );
        let (x, y) = (x + 26.0, y + 4.0);
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\">{peer}</text>");
    }
    svg
}

/// A panel with its origin at the upper left.
fn draw_panel(panel: &Curves) -> String {
    let costs = panel
        .points
        .iter()
        .flat_map(|point| &point.rows)
        .filter_map(|row| row.cpu_us);
    let most = costs.map(|cost| cost.max).fold(1.0, f64::max);
    let step = grid_step(most);
    let top = (most / step).ceil() * step;
    let y = |cost: f64| TOP + (PANEL.1 - TOP - BOTTOM) * (1.0 - cost / top);
    let gap = (PANEL.0 - LEFT - RIGHT) / panel.points.len().max(1) as f64;
    let x = |place: usize| LEFT + gap * (place as f64 + 0.5);
    let mut svg = format!(
        "<text x=\"{LEFT}\" y=\"20\" font-weight=\"bold\">CPU µs a request by {}</text>\n",
        panel.axis
    );
    svg += &format!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
        (LEFT + PANEL.0 - RIGHT) / 2.0,
        PANEL.1 - BOTTOM + 36.0,
        panel.axis
    );
    let lines = (top / step).round() as usize;
    for cost in (0..=lines).map(|line| line as f64 * step) {
        let (left, right, at) = (LEFT, PANEL.0 - RIGHT, y(cost));
        let _ = writeln!(svg, "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{cost}</text>",
            left - 6.0,
            at + 4.0
        );
    }
    for (place, point) in panel.points.iter().enumerate() {
        let (at, below) = (x(place), PANEL.1 - BOTTOM + 18.0);
        let _ = writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{below}\" text-anchor=\"middle\">{}</text>",
            thousands(point.value as f64)
        );
    }
    for peer in peers(std::slice::from_ref(panel)) {
        svg += &curve(panel, peer, &x, &y);
    }
    svg
}

/// The line of one proxy, with whiskers where its rounds differ.
fn curve(panel: &Curves, peer: Peer, x: &impl Fn(usize) -> f64, y: &impl Fn(f64) -> f64) -> String {
    let colour = colour(peer);
    let mut line = Vec::new();
    let mut whiskers = String::new();
    for (place, point) in panel.points.iter().enumerate() {
        let row = point.rows.iter().find(|row| row.peer == peer);
        let Some(cost) = row.and_then(|row| row.cpu_us) else {
            continue;
        };
        let at = x(place);
        line.push(format!("{at:.1},{:.1}", y(cost.median)));
        let _ = write!(whiskers, "M{at:.1} {:.1}V{:.1}", y(cost.min), y(cost.max));
    }
    let line = line.join(" ");
    format!(
        "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n\
         <path d=\"{whiskers}\" stroke=\"{colour}\"/>\n"
    )
}

/// The distance of grid lines: 1, 2 or 5 times a power of ten, so that there are about [`GRID`].
fn grid_step(most: f64) -> f64 {
    let rough = most / GRID;
    let power = 10f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors
        .into_iter()
        .find(|factor| factor * power >= rough)
        .unwrap_or(10.0);
    factor * power
}

/// A colour that colour-blind eyes tell from the others (Okabe and Ito's).
const fn colour(peer: Peer) -> &'static str {
    match peer {
        Peer::Nginx => "#009e73",
        Peer::Haproxy => "#0072b2",
        Peer::Pingora => "#cc79a7",
        Peer::Sozu => "#e69f00",
        Peer::Varnish => "#000000",
        Peer::Ringfence => "#d55e00",
        Peer::Floor => "#999999",
        Peer::Memory => "#56b4e9",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::Entry;
    use crate::report::summary::tests::{comparison, round};

    fn panel() -> Curves {
        let point = |value: usize, cost: f64| {
            let nginx = Entry {
                peer: Peer::Nginx,
                rounds: vec![round(0.0, cost), round(0.0, cost * 1.5)],
            };
            let ours = Entry {
                peer: Peer::Ringfence,
                rounds: vec![round(0.0, cost / 2.0)],
            };
            Point {
                value,
                rows: comparison(vec![nginx, ours]).rows(),
            }
        };
        Curves {
            axis: "connections",
            points: vec![point(1, 40.0), point(64, 12.0)],
        }
    }

    #[test]
    fn every_proxy_has_a_line_and_a_name() {
        let svg = draw(&[panel(), panel(), panel()]);
        assert_eq!(svg.matches("<polyline").count(), 6);
        assert_eq!(svg.matches(">ringfence</text>").count(), 1);
        assert_eq!(svg.matches(">haproxy</text>").count(), 0);
        assert_eq!(svg.matches("by connections</text>").count(), 3);
        assert!(svg.contains("viewBox=\"0 0 840 554\""));
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn names_that_do_not_fit_go_on_below() {
        let svg = legend(&Peer::ALL, 3);
        let heights: Vec<&str> = svg.lines().filter(|line| line.contains("<path")).collect();
        assert!(
            heights[2].contains(" 20h20") && heights[3].contains("M56 40h20"),
            "{svg}"
        );
    }

    #[test]
    fn grid_lines_lie_at_round_numbers() {
        for (most, step) in [
            (60.0, 20.0),
            (9.0, 5.0),
            (4.0, 1.0),
            (800.0, 200.0),
            (1.0, 0.5),
        ] {
            assert_eq!(grid_step(most), step, "{most}");
        }
    }

    #[test]
    fn a_proxy_without_figures_is_no_line_through_nothing() {
        let mut void = round(1.0, 1.0);
        void.void = Some("no answer".to_owned());
        let rows = comparison(vec![Entry {
            peer: Peer::Nginx,
            rounds: vec![void],
        }])
        .rows();
        let svg = draw(&[Curves {
            axis: "routes",
            points: vec![Point { value: 1, rows }],
        }]);
        assert!(svg.contains("points=\"\""));
        assert!(!svg.contains("NaN"));
    }
}
