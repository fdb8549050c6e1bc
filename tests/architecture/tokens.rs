//! Just enough of Rust's lexical grammar to see paths and modules: comments, strings and characters are passed over.

/// One token that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A word: an identifier or a keyword.
    Word(String),
    /// `::`
    Path,
    /// Any other single character.
    Mark(char),
}

impl Token {
    /// The word, if it is one.
    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Path | Self::Mark(_) => None,
        }
    }
}

/// The tokens of `text`, without comments and literals of text.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let next = chars.get(at + 1).copied();
        at = match (chars[at], next) {
            ('/', Some('/')) => line_end(&chars, at),
            ('/', Some('*')) => comment_end(&chars, at),
            ('"', _) => string_end(&chars, at + 1),
            ('\'', _) => character_end(&chars, at),
            (':', Some(':')) => {
                found.push(Token::Path);
                at + 2
            }
            (c, _) if c.is_alphabetic() || c == '_' => word(&chars, at, &mut found),
            (c, _) => {
                if !c.is_whitespace() {
                    found.push(Token::Mark(c));
                }
                at + 1
            }
        };
    }
    found
}

fn word(chars: &[char], start: usize, found: &mut Vec<Token>) -> usize {
    let end = (start..chars.len())
        .find(|&at| !(chars[at].is_alphanumeric() || chars[at] == '_'))
        .unwrap_or(chars.len());
    let word: String = chars[start..end].iter().collect();
    if matches!(word.as_str(), "r" | "br" | "cr")
        && let Some(after) = raw_string_end(chars, end)
    {
        return after;
    }
    found.push(Token::Word(word));
    end
}

fn line_end(chars: &[char], start: usize) -> usize {
    (start..chars.len())
        .find(|&at| chars[at] == '\n')
        .unwrap_or(chars.len())
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// The end of a raw string whose marks begin at `start`; none where it is no raw string (`r#type`, a variable `r`).
fn raw_string_end(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start..].iter().take_while(|&&c| c == '#').count();
    if chars.get(start + hashes) != Some(&'"') {
        return None;
    }
    let closing: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', hashes))
        .collect();
    let body = start + hashes + 1;
    let length = chars[body..]
        .windows(closing.len())
        .position(|window| window == closing)?;
    Some(body + length + closing.len())
}

/// A quote begins a character or a lifetime; only the first has a second quote right after its one character.
fn character_end(chars: &[char], start: usize) -> usize {
    match (chars.get(start + 1), chars.get(start + 2)) {
        (Some('\\'), _) => (start + 3..chars.len())
            .find(|&at| chars[at] == '\'')
            .map_or(chars.len(), |at| at + 1),
        (Some(_), Some('\'')) => start + 3,
        _ => start + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text)
            .iter()
            .filter_map(|token| token.word().map(str::to_owned))
            .collect()
    }

    #[test]
    fn text_and_comments_are_passed_over() {
        assert_eq!(
            words("a // b\n/* c /* d */ e */ f \"g \\\" h\" i"),
            ["a", "f", "i"]
        );
        assert_eq!(words("a r#\"b \" c\"# d br\"e\" f"), ["a", "d", "f"]);
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        assert_eq!(words("'\"' a '\\'' b &'life c"), ["a", "b", "life", "c"]);
    }

    #[test]
    fn raw_identifiers_are_words() {
        assert_eq!(words("r#type x"), ["r", "type", "x"]);
    }
}
