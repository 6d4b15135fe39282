//! The cases as they stand in the file.

use serde_json::Value;

use super::face::Face;

/// One line of the catalogue.
#[derive(Debug, Clone)]
pub(super) struct Case(Value);

impl Case {
    /// Every case, in order.
    pub(super) fn read(text: &str) -> Vec<Self> {
        text.lines().map(|line| Self(serde_json::from_str(line).unwrap())).collect()
    }

    /// A case of the runner's own.
    pub(super) fn of(case: Value) -> Self {
        Self(case)
    }

    pub(super) fn id(&self) -> &str {
        self.0["id"].as_str().unwrap()
    }

    /// Whether it concerns this contract, or what both contracts share. P-004 is of the second one alone: the
    /// answer that it is about is given there.
    pub(super) fn concerns(&self, face: Face) -> bool {
        let elsewhere = self.request("path").as_str().is_some_and(|path| path.starts_with("/usergroups"));
        match face {
            Face::Groups => self.0["endpoint"] != "B" && !elsewhere,
            Face::Usergroups => self.0["endpoint"] == "B" || self.0["endpoint"] == "both",
        }
    }

    pub(super) fn expect(&self) -> &Value {
        &self.0["expect"]
    }

    pub(super) fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or("")
    }

    /// A member of `request`.
    pub(super) fn request(&self, member: &str) -> &Value {
        &self.0["request"][member]
    }

    pub(super) fn has_generator(&self) -> bool {
        self.0.get("generator").is_some()
    }

    /// The bytes to send, where they stand in the file.
    pub(super) fn body(&self, face: Face) -> Vec<u8> {
        let own = self.0["body_b"].as_str().filter(|_| face == Face::Usergroups);
        match (own, self.0["body_b64"].as_str()) {
            (Some(text), _) => text.into(),
            (None, Some(text)) => base64(text),
            (None, None) => self.text("body").into(),
        }
    }

    /// Whether the bytes are all that is written to the connection.
    pub(super) fn is_bare(&self) -> bool {
        self.0["group"] == "transport" && self.0.get("body_b64").is_some()
    }
}

/// RFC 4648 §4.
fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{byte} in base64"),
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(byte));
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).unwrap());
        }
    }
    bytes
}
