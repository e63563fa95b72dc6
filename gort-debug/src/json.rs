//! Writes JSON.

use std::fmt::{self, Display, Write};

/// A text. It is displayed as a JSON string that is also safe inside `<script>`.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                // In a browser, `</script>` and `<!--` end or change the script. The two separators
                // end lines in old JavaScript.
                '\0'..' ' | '\x7f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    write!(f, "\\u{:04x}", u32::from(c))?;
                }
                _ => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

/// A value. `None` is displayed as `null`.
pub(crate) struct Maybe<T>(pub(crate) Option<T>);

impl<T: Display> Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// Values, displayed with commas between them.
pub(crate) struct List<'a, T>(pub(crate) &'a [T]);

impl<T: Display> Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        for (i, value) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_char(',')?;
            }
            value.fmt(f)?;
        }
        f.write_char(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_what_it_is_and_ends_no_script() {
        let text = "a\"b\\c\n\t\0\u{1b}</script><!-- & \u{2028}ä€😀\u{7f}";
        let written = Text(text).to_string();
        assert!(
            !written.contains(['<', '>', '&', '\n', '\u{2028}']),
            "{written}"
        );
        assert_eq!(
            serde_json::from_str::<String>(&written).ok().as_deref(),
            Some(text)
        );
    }

    #[test]
    fn lists_and_absent_values() {
        assert_eq!(List(&[1, 2]).to_string(), "[1,2]");
        assert_eq!(List::<u32>(&[]).to_string(), "[]");
        assert_eq!(Maybe(Some(Text("a"))).to_string(), "\"a\"");
        assert_eq!(Maybe(None::<u32>).to_string(), "null");
    }
}
