//! The rules, as functions from sources to faults.

use crate::tokens::{Token, tokens};

/// The order in which a job passes the modules; `lib.rs` declares them in it.
/// `submission` stands first since records are what all stages speak of; `acceptance` joins spec and guard rails to records.
const ORDER: &str = "error model telemetry \
     submission spec message admission backlog routing watch acceptance lifecycle lookup ports \
     broker adapters api config app cli";

/// These meet in the ports alone.
const STRANGERS: [&str; 3] = ["broker", "adapters", "api"];

/// Words that a path with a leading `::` may follow without being part of it.
const KEYWORDS: &str = "use dyn impl for as in mut return where else match if";

/// Vendor crates (a trailing `*` stands for any rest) and the modules that may name them.
const VENDORS: [(&str, &str); 14] = [
    ("aws_*", "adapters app"),
    ("kube", "adapters app"),
    ("kube_*", "adapters app"),
    // Its types are plain data: a pod as the watch sees it.
    ("k8s_openapi", "spec watch adapters app"),
    ("dynoxide", "adapters app"),
    ("rustack_*", "adapters app"),
    ("axum", "api"),
    ("utoipa_axum", "api"),
    ("clap", "cli"),
    ("comfy_table", "cli"),
    ("console", "cli"),
    ("ureq", "cli"),
    (
        "tokio",
        "model telemetry ports broker adapters api config app cli",
    ),
    ("tokio_util", "ports broker adapters api config app cli"),
];

/// The longest file.
const LINES: usize = 400;

/// One file of the crate.
pub struct Source {
    /// Its path relative to `src/`, with `/` between folders.
    path: String,
    lines: usize,
    tokens: Vec<Token>,
}

impl Source {
    /// The file at `path` (relative to `src/`) with `text` in it.
    pub fn new(path: impl Into<String>, text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        Self {
            path: path.into(),
            lines: text.lines().count(),
            tokens: tokens(text),
        }
    }

    /// The module that the file is, from the crate's root; empty for `lib.rs` and `main.rs`.
    fn module(&self) -> Vec<&str> {
        let stem = self.path.trim_end_matches(".rs");
        let mut parts: Vec<&str> = stem.split('/').collect();
        if parts.last() == Some(&"mod") || stem == "lib" || stem == "main" {
            parts.pop();
        }
        parts
    }

    /// The module of `lib.rs` that the file belongs to.
    fn top(&self) -> Option<&str> {
        self.module().first().copied()
    }

    /// The modules that the file declares in files of their own.
    fn declares(&self) -> impl Iterator<Item = &str> {
        self.tokens.windows(3).filter_map(|window| match window {
            [Token::Word(keyword), Token::Word(name), Token::Mark(';')] if keyword == "mod" => {
                Some(name.as_str())
            }
            _ => None,
        })
    }
}

/// The modules that `lib.rs` declares, in its order.
pub fn declared(sources: &[Source]) -> Vec<String> {
    let library = sources.iter().find(|source| source.path == "lib.rs");
    library
        .map(|source| source.declares().map(str::to_owned).collect())
        .unwrap_or_default()
}

/// Faults where the declared modules aren't in the order in which a job passes them.
pub fn order_of_modules(declared: &[String]) -> Vec<String> {
    let mut rest = ORDER.split_whitespace();
    declared
        .iter()
        .filter(|module| !rest.any(|name| name == module.as_str()))
        .map(|module| format!("lib.rs: `{module}` is out of the order {ORDER}"))
        .collect()
}

/// Faults where a module imports what isn't declared above it, or a stranger.
pub fn imports(sources: &[Source]) -> Vec<String> {
    let order = declared(sources);
    let rank = |module: &str| order.iter().position(|name| name == module);
    let mut faults = Vec::new();
    for source in sources {
        let Some(own) = source.top() else { continue };
        for used in used_modules(source) {
            let strangers = own != used && STRANGERS.contains(&own) && STRANGERS.contains(&used.as_str());
            if strangers || (rank(&used).is_some() && rank(&used) > rank(own)) {
                faults.push(format!("{}: `{own}` imports `{used}`", source.path));
            }
        }
    }
    faults
}

/// The modules of the crate's root that a file names by `crate::…`, `spark_broker::…` or a climb of `super::…`.
fn used_modules(source: &Source) -> Vec<String> {
    let mut used = Vec::new();
    let mut inner = InnerModules::default();
    for (at, token) in source.tokens.iter().enumerate() {
        inner.pass(&source.tokens, at);
        let depth = source.module().len() + inner.depth();
        let after_path = at > 0 && source.tokens[at - 1] == Token::Path;
        let root = match token.word() {
            Some("crate" | "spark_broker") if !after_path => Some(at + 1),
            Some("super") if !after_path => climb(&source.tokens, at, depth),
            _ => None,
        };
        if let Some(root) = root {
            used.extend(heads(&source.tokens[root..]));
        }
    }
    used
}

/// Where the path at `start` goes on after its last `super`, if that reaches the crate's root.
fn climb(tokens: &[Token], start: usize, depth: usize) -> Option<usize> {
    let chain = tokens[start..].chunks(2);
    let supers =
        chain.take_while(|pair| pair[0].word() == Some("super") && pair.get(1) == Some(&Token::Path));
    let count = supers.count();
    (count >= depth).then_some(start + 2 * count - 1)
}

/// The first words of a path (`::name…`) or of a group of paths (`::{a::b, c}`).
fn heads(tokens: &[Token]) -> Vec<String> {
    let (Some(Token::Path), Some(next)) = (tokens.first(), tokens.get(1)) else {
        return Vec::new();
    };
    if let Token::Word(name) = next {
        return vec![name.clone()];
    }
    let mut names = Vec::new();
    let mut depth = 0;
    for pair in tokens[1..].windows(2) {
        match &pair[0] {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => depth -= 1,
            Token::Word(_) | Token::Path | Token::Mark(_) => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1
            && matches!(pair[0], Token::Mark('{' | ','))
            && let Some(name) = pair[1].word()
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// The modules written out within a file (`mod tests { … }`) that are open at a place.
#[derive(Default)]
struct InnerModules {
    braces: usize,
    opened_at: Vec<usize>,
}

impl InnerModules {
    fn pass(&mut self, tokens: &[Token], at: usize) {
        match &tokens[at] {
            Token::Mark('{') => {
                if at >= 2 && tokens[at - 2].word() == Some("mod") {
                    self.opened_at.push(self.braces);
                }
                self.braces += 1;
            }
            Token::Mark('}') => {
                self.braces = self.braces.saturating_sub(1);
                self.opened_at.pop_if(|opened| *opened == self.braces);
            }
            Token::Word(_) | Token::Path | Token::Mark(_) => {}
        }
    }

    fn depth(&self) -> usize {
        self.opened_at.len()
    }
}

/// Faults where no `mod` declares a file.
pub fn undeclared_files(sources: &[Source]) -> Vec<String> {
    let declared = |parent: &[&str], name: &str| {
        sources
            .iter()
            .any(|source| source.module() == parent && source.declares().any(|other| other == name))
    };
    let orphan = |source: &&Source| {
        source
            .module()
            .split_last()
            .is_some_and(|(name, parent)| !declared(parent, name))
    };
    sources
        .iter()
        .filter(orphan)
        .map(|source| format!("{}: no `mod` declares it", source.path))
        .collect()
}

/// Faults where a vendor crate is named outside its place.
pub fn vendor_crates(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in sources {
        let top = source.top().unwrap_or("");
        for name in outer_names(&source.tokens) {
            let place = VENDORS.iter().find(|(vendor, _)| matches_vendor(vendor, name));
            if place.is_some_and(|(_, allowed)| !allowed.split_whitespace().any(|module| module == top)) {
                faults.push(format!("{}: names `{name}`", source.path));
            }
        }
    }
    faults
}

fn matches_vendor(vendor: &str, name: &str) -> bool {
    vendor
        .strip_suffix('*')
        .map_or(vendor == name, |prefix| name.starts_with(prefix))
}

/// The words that begin a path, or stand alone after `use`.
fn outer_names(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().enumerate().filter_map(|(at, token)| {
        let before = |steps: usize| at.checked_sub(steps).map(|place| &tokens[place]);
        let first = before(1) != Some(&Token::Path) || !goes_on(before(2));
        let followed = tokens.get(at + 1) == Some(&Token::Path);
        let used = before(1).and_then(Token::word) == Some("use");
        token.word().filter(|_| (first && followed) || used)
    })
}

/// Whether a `::` after `token` continues a path; otherwise it leads one.
fn goes_on(token: Option<&Token>) -> bool {
    match token {
        Some(Token::Word(word)) => !KEYWORDS.split_whitespace().any(|keyword| keyword == word),
        Some(Token::Mark(mark)) => *mark == '>',
        Some(Token::Path) | None => false,
    }
}

/// Faults where a file is too long.
pub fn long_files(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| source.lines > LINES);
    long.map(|source| format!("{}: {} lines, {LINES} at most", source.path, source.lines))
        .collect()
}

#[cfg(test)]
#[path = "samples.rs"]
mod samples;
