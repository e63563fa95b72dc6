//! Parses the query of a path, the part after the `?`: `name=value&name=value`.

/// Returns the decoded value of `name`, if there is one.
pub(crate) fn value(query: &str, name: &str) -> Option<String> {
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .find(|pair| pair.0 == name)
        .map(|pair| decoded(pair.1))
}

/// Replaces `+` by a space and `%XX` by the byte. An invalid code stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, behind @ ..]) => match digit(*high).zip(digit(*low)) {
                Some((high, low)) => {
                    rest = behind;
                    high << 4 | low
                }
                None => b'%',
            },
            _ => first,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = "q=a%20b+c%3d%C3%A4&seconds=5&empty=&none&odd=%zz%4";
        for (name, expected) in [
            ("q", Some("a b c=ä")),
            ("seconds", Some("5")),
            ("empty", Some("")),
            ("none", Some("")),
            ("odd", Some("%zz%4")),
            ("other", None),
        ] {
            assert_eq!(value(query, name).as_deref(), expected, "{name}");
        }
        assert_eq!(value("q=%ff", "q").as_deref(), Some("\u{fffd}"));
    }
}
