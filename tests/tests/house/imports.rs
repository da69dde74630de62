//! Which module of a crate names which, and whether that ever comes back to where it began.
//!
//! A path is followed to the module that *defines* what it names: a `pub use` in between is a
//! signpost, not a floor. What is compiled for tests only does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::Visit;

use crate::sources::{Member, Source, is_for_tests};

/// A module's place: the names from the crate's root down.
type Place = Vec<String>;

/// The items of a module.
type Items<'i> = Box<dyn Iterator<Item = &'i syn::Item> + 'i>;

/// The import circles of a crate, each told as a list of modules.
pub(crate) fn circles(member: &Member) -> Vec<String> {
    circles_of(&member.sources())
}

/// As [`circles`], of given files.
pub(crate) fn circles_of(sources: &[Source]) -> Vec<String> {
    let mut house = House::default();
    for source in sources.iter().filter(|source| !source.is_test) {
        let items = Box::new(source.product_items());
        house.enter(place_of(&source.module_file), items);
    }
    house.knots()
}

#[derive(Default)]
struct House {
    rooms: BTreeMap<Place, Room>,
}

/// What one module imports and mentions.
#[derive(Default)]
struct Room {
    /// Names that a `use` brings in, and the path each stands for; whether others may see it.
    names: BTreeMap<String, (Place, bool)>,
    /// Paths that are imported privately, and whole modules by a glob.
    imported: Vec<Place>,
    /// Paths in code.
    mentioned: Vec<Place>,
}

impl House {
    fn enter(&mut self, place: Place, items: Items<'_>) {
        let mut room = Room::default();
        for item in items {
            match item {
                syn::Item::Mod(module) => {
                    if let Some((_, items)) = &module.content {
                        let mut inner = place.clone();
                        inner.push(module.ident.to_string());
                        self.enter(
                            inner,
                            Box::new(items.iter().filter(|item| !is_for_tests(item))),
                        );
                    }
                }
                syn::Item::Use(import) => {
                    let public = !matches!(import.vis, syn::Visibility::Inherited);
                    room.import(&import.tree, Vec::new(), public);
                }
                other => Mentions(&mut room).visit_item(other),
            }
        }
        self.rooms.insert(place, room);
    }

    /// The module that defines what a path, written in `from`, names; `None` when it is not ours.
    fn resolve(&self, from: &Place, path: &[String], depth: usize) -> Option<Place> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from[..from.len().checked_sub(1)?].to_vec(),
            _ => {
                let child = [from.as_slice(), std::slice::from_ref(first)].concat();
                let known = self.rooms.contains_key(&child)
                    || self
                        .rooms
                        .get(from)
                        .is_some_and(|room| room.names.contains_key(first));
                if !known || depth > 8 {
                    return None;
                }
                rest = path;
                from.clone()
            }
        };
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                at.pop();
                rest = after;
                continue;
            }
            let child = [at.as_slice(), std::slice::from_ref(name)].concat();
            if self.rooms.contains_key(&child) {
                (at, rest) = (child, after);
                continue;
            }
            let signpost = self.rooms.get(&at).and_then(|room| room.names.get(name));
            if let Some((target, _)) = signpost.filter(|_| depth <= 8) {
                let further = [target.as_slice(), after].concat();
                return self.resolve(&at, &further, depth + 1).or(Some(at));
            }
            break;
        }
        Some(at)
    }

    /// Edges from each module to those that it needs.
    fn edges(&self) -> BTreeMap<&Place, BTreeSet<Place>> {
        let mut all = BTreeMap::new();
        for (place, room) in &self.rooms {
            let needs = room.imported.iter().chain(&room.mentioned);
            let targets = needs.filter_map(|path| self.resolve(place, path, 0));
            let others: BTreeSet<Place> = targets.filter(|target| target != place).collect();
            all.insert(place, others);
        }
        all
    }

    /// Modules that reach each other, told once for each knot.
    fn knots(&self) -> Vec<String> {
        let edges = self.edges();
        let reach = |from: &Place| {
            let mut seen = BTreeSet::new();
            let mut todo = vec![from.clone()];
            while let Some(place) = todo.pop() {
                for next in edges.get(&place).into_iter().flatten() {
                    if seen.insert(next.clone()) {
                        todo.push(next.clone());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<_, _> = edges.keys().map(|&place| (place, reach(place))).collect();
        let mut knots = BTreeSet::new();
        for (place, seen) in reached
            .iter()
            .filter(|(place, seen)| seen.contains(**place))
        {
            let tied =
                |other: &&&Place| seen.contains(**other) && reached[**other].contains(*place);
            let knot: Vec<&Place> = edges.keys().filter(tied).copied().collect();
            knots.insert(tell(&knot, &edges));
        }
        knots.into_iter().collect()
    }
}

impl Room {
    fn import(&mut self, tree: &syn::UseTree, mut so_far: Place, public: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                so_far.push(path.ident.to_string());
                self.import(&path.tree, so_far, public);
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, so_far.clone(), public);
                }
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let last = so_far.last().cloned().unwrap_or_default();
                self.bring(last, so_far, public);
            }
            syn::UseTree::Name(name) => {
                so_far.push(name.ident.to_string());
                self.bring(name.ident.to_string(), so_far, public);
            }
            syn::UseTree::Rename(rename) => {
                so_far.push(rename.ident.to_string());
                self.bring(rename.rename.to_string(), so_far, public);
            }
            syn::UseTree::Glob(_) => self.imported.push(so_far),
        }
    }

    fn bring(&mut self, name: String, path: Place, public: bool) {
        if !public {
            self.imported.push(path.clone());
        }
        self.names.insert(name, (path, public));
    }
}

struct Mentions<'r>(&'r mut Room);

impl Visit<'_> for Mentions<'_> {
    fn visit_path(&mut self, path: &syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            let words = path
                .segments
                .iter()
                .map(|segment| segment.ident.to_string());
            self.0.mentioned.push(words.collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, import: &syn::ItemUse) {
        // An import inside a function.
        self.0.import(&import.tree, Vec::new(), false);
    }
}

fn place_of(module_file: &Path) -> Place {
    let mut place: Place = module_file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if matches!(
        place.last().map(String::as_str),
        Some("lib" | "main" | "mod")
    ) {
        place.pop();
    }
    place
}

/// Each module of a knot and which others of the knot it names.
fn tell(knot: &[&Place], edges: &BTreeMap<&Place, BTreeSet<Place>>) -> String {
    let names = |place: &Place| {
        let named = edges[place].iter().filter(|other| knot.contains(other));
        named.map(name_of).collect::<Vec<_>>().join(", ")
    };
    let lines = knot
        .iter()
        .map(|place| format!("\n    {} names {}", name_of(place), names(place)));
    lines.collect()
}

fn name_of(place: &Place) -> String {
    if place.is_empty() {
        "crate".into()
    } else {
        place.join("::")
    }
}
