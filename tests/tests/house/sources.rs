//! Reading the workspace: its members, their files, and the files' tokens.

use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use ringfence_tests::tools::root;
use syn::spanned::Spanned;
use syn::visit::Visit;

/// One crate of the workspace.
pub(crate) struct Member {
    /// The package's name.
    pub(crate) name: String,
    /// Its folder.
    pub(crate) dir: PathBuf,
    manifest: toml::Table,
}

/// One file of Rust.
pub(crate) struct Source {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its path below `src`.
    pub(crate) module_file: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// Whether it is compiled for tests only.
    pub(crate) is_test: bool,
    /// Its syntax.
    pub(crate) syntax: syn::File,
}

/// The members of the workspace.
pub(crate) fn members() -> Vec<Member> {
    let workspace = read_toml(&root().join("Cargo.toml"));
    let list = workspace["workspace"]["members"]
        .as_array()
        .expect("members")
        .clone();
    let read = |path: &toml::Value| {
        let dir = root().join(path.as_str().expect("a path"));
        let manifest = read_toml(&dir.join("Cargo.toml"));
        let name = manifest["package"]["name"]
            .as_str()
            .expect("a name")
            .to_string();
        Member {
            name,
            dir,
            manifest,
        }
    };
    list.iter().map(read).collect()
}

impl Member {
    /// Everything that it depends on, in whatever section.
    pub(crate) fn dependencies(&self) -> Vec<String> {
        let mut all = Vec::new();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let table = self.manifest.get(section).and_then(toml::Value::as_table);
            all.extend(table.into_iter().flat_map(|table| table.keys().cloned()));
        }
        all
    }

    /// What it depends on of ours; a crate may name itself for its tests.
    pub(crate) fn own_dependencies(&self) -> Vec<String> {
        let own = |name: &String| name.starts_with("ringfence") && *name != self.name;
        self.dependencies().into_iter().filter(own).collect()
    }

    /// The files under `src`.
    pub(crate) fn sources(&self) -> Vec<Source> {
        let src = self.dir.join("src");
        let mut all = Vec::new();
        for path in files_under(&src) {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let below = path.strip_prefix(&src).expect("below src").to_path_buf();
            all.push(Source::new(path, below, text));
        }
        let tests = test_files(&all);
        for source in &mut all {
            source.is_test |= tests
                .iter()
                .any(|test| source.module_file.starts_with(test));
        }
        all
    }
}

impl Source {
    fn new(path: PathBuf, module_file: PathBuf, text: String) -> Source {
        let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Source {
            path,
            module_file,
            text,
            is_test: false,
            syntax,
        }
    }

    /// A file that is only in a test.
    pub(crate) fn of(name: &str, text: &str) -> Source {
        Source::new(name.into(), name.into(), text.into())
    }

    /// All of its tokens.
    pub(crate) fn whole(&self) -> TokenStream {
        self.syntax.to_token_stream()
    }

    /// Its tokens without what is compiled for tests only.
    pub(crate) fn product(&self) -> TokenStream {
        self.product_items()
            .map(ToTokens::to_token_stream)
            .collect()
    }

    /// Its items without those that are compiled for tests only.
    pub(crate) fn product_items(&self) -> impl Iterator<Item = &syn::Item> {
        self.syntax.items.iter().filter(|item| !is_for_tests(item))
    }

    /// The first words of all imports and of all paths of two words and more.
    pub(crate) fn foreign_crates(&self) -> Vec<String> {
        struct Firsts(Vec<String>);
        impl Visit<'_> for Firsts {
            fn visit_use_path(&mut self, path: &syn::UsePath) {
                self.0.push(path.ident.to_string());
            }
            fn visit_path(&mut self, path: &syn::Path) {
                if path.segments.len() > 1 {
                    self.0.push(path.segments[0].ident.to_string());
                }
                syn::visit::visit_path(self, path);
            }
        }
        let mut firsts = Firsts(Vec::new());
        firsts.visit_file(&self.syntax);
        firsts.0
    }

    /// How many lines each function has, and where it is.
    pub(crate) fn functions(&self) -> Vec<(usize, String)> {
        struct Lengths<'s>(&'s Source, Vec<(usize, String)>);
        impl Lengths<'_> {
            fn note(&mut self, name: &syn::Ident, block: &syn::Block) {
                let (start, end) = (name.span().start().line, block.span().end().line);
                self.1.push((
                    end - start + 1,
                    format!("{}:{start} {name}", self.0.path.display()),
                ));
            }
        }
        impl<'a> Visit<'a> for Lengths<'_> {
            fn visit_item_fn(&mut self, function: &'a syn::ItemFn) {
                self.note(&function.sig.ident, &function.block);
                syn::visit::visit_item_fn(self, function);
            }
            fn visit_impl_item_fn(&mut self, function: &'a syn::ImplItemFn) {
                self.note(&function.sig.ident, &function.block);
                syn::visit::visit_impl_item_fn(self, function);
            }
        }
        let mut lengths = Lengths(self, Vec::new());
        lengths.visit_file(&self.syntax);
        lengths.1
    }
}

/// The identifiers of a token stream with their lines, also those inside macros.
pub(crate) fn idents(tokens: &TokenStream) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    for tree in tokens.clone() {
        match tree {
            TokenTree::Ident(ident) => all.push((ident.to_string(), ident.span().start().line)),
            TokenTree::Group(group) => all.extend(idents(&group.stream())),
            _ => {}
        }
    }
    all
}

/// Whether an item is compiled for tests only.
pub(crate) fn is_for_tests(item: &syn::Item) -> bool {
    use syn::Item::{Const, Fn, Impl, Macro, Mod, Static, Struct, Use};
    let attributes = match item {
        Mod(item) => &item.attrs,
        Fn(item) => &item.attrs,
        Use(item) => &item.attrs,
        Impl(item) => &item.attrs,
        Struct(item) => &item.attrs,
        Const(item) => &item.attrs,
        Static(item) => &item.attrs,
        Macro(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        let text = attribute.to_token_stream().to_string();
        let condition = text.contains("cfg") && !text.contains("not");
        condition && (text.contains("test") || text.contains("loom"))
    })
}

/// The files (or folders) of modules that are declared for tests only: `#[cfg(test)] mod NAME;`.
fn test_files(sources: &[Source]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for source in sources {
        for item in source.syntax.items.iter().filter(|item| is_for_tests(item)) {
            if let syn::Item::Mod(module) = item
                && module.content.is_none()
            {
                let home = folder_of(&source.module_file);
                all.push(home.join(format!("{}.rs", module.ident)));
                all.push(home.join(module.ident.to_string()));
            }
        }
    }
    all
}

/// The folder in which the children of a file's module lie.
fn folder_of(module_file: &Path) -> PathBuf {
    let parent = module_file.parent().unwrap_or(Path::new(""));
    match module_file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "main" | "mod") | None => parent.to_path_buf(),
        Some(stem) => parent.join(stem),
    }
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten() {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            all.extend(files_under(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn read_toml(path: &Path) -> toml::Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
