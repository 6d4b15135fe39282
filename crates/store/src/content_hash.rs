//! The number by which it is told, without looking at a group, that it is stored just as a record says.

use directory::write::Content;
use directory::{
    Description, ExternalReference, Group, GroupId, Name, Needs, PhotoUrl, Plain, ReferenceKey, Snapshot,
    Source,
};

/// What a plain group is, as far as records can say it.
struct Said<'s> {
    source: &'s str,
    key: &'s ReferenceKey,
    name: &'s Name,
    description: Option<&'s Description>,
    parent: Option<GroupId>,
    photo_url: Option<&'s PhotoUrl>,
}

/// The number of what is stored of a living group; `None` where it holds more than a plain record can say.
/// It is written in the statement that writes what it stands for.
pub(crate) fn of_stored(first: Option<&ExternalReference>, content: &Content) -> Option<i64> {
    let Content { name, description, parent, photo_url, details } = content;
    let ExternalReference { source, key } = first.filter(|_| details.is_none())?;
    let (description, photo_url) = (description.as_ref(), photo_url.as_ref());
    Some(Said { source: source.as_str(), key, name, description, parent: *parent, photo_url }.number())
}

/// The same for a whole group.
pub(crate) fn of_group(group: &Group) -> Option<i64> {
    let Group { name, description, parent, photo_url, details, .. } = group;
    let plain = details.is_none() && !group.is_archived();
    let ExternalReference { source, key } = group.references.first().filter(|_| plain)?;
    let (description, photo_url) = (description.as_ref(), photo_url.as_ref());
    Some(Said { source: source.as_str(), key, name, description, parent: *parent, photo_url }.number())
}

/// The number of what a record says, where its parent has this id.
fn of_plain(plain: &Plain<'_>, parent: Option<GroupId>) -> i64 {
    let Plain { reference_key: key, name, description, photo_url, .. } = *plain;
    let source = plain.source.map_or("", Source::as_str);
    Said { source, key, name, description, parent, photo_url }.number()
}

/// What the numbers that lie under a record's key tell of the record.
pub(crate) enum Glance {
    /// Nothing is stored under a key like its.
    Nothing,
    /// The one group that its key means is stored just as it says.
    Alike(GroupId),
    /// More has to be looked at.
    Unsettled,
}

/// What lies under the number of a key: that number, a group, and the number of what it holds.
pub(crate) type Hashed = (i64, GroupId, Option<i64>);

/// Of numbers that ascend those from this one on, and those of this one.
pub(crate) fn from(fold: i64, hashed: &[Hashed]) -> (&[Hashed], &[Hashed]) {
    let rest = &hashed[hashed.iter().take_while(|hashed| hashed.0 < fold).count()..];
    (rest, &rest[..rest.iter().take_while(|hashed| hashed.0 == fold).count()])
}

/// Compares a plain record with the groups whose keys are like its. The keys of parents were looked up before.
pub(crate) fn glance(plain: &Plain<'_>, stored: &[Hashed], seen: &Snapshot) -> Glance {
    let (id, number) = match stored {
        [] => return Glance::Nothing,
        [(_, id, Some(number))] => (*id, *number),
        _ => return Glance::Unsettled,
    };
    let parent = match plain.parent.map(|key| seen.matches.get(key).map(Vec::as_slice)) {
        None => None,
        Some(Some([parent])) => Some(*parent),
        Some(_) => return Glance::Unsettled,
    };
    if of_plain(plain, parent) == number { Glance::Alike(id) } else { Glance::Unsettled }
}

/// Room in a snapshot for what is told of the plain records.
pub(crate) fn room(needs: &Needs<'_>) -> Vec<Option<GroupId>> {
    vec![None; needs.plain.iter().map(|plain| plain.record + 1).max().unwrap_or_default()]
}

impl Said<'_> {
    /// The first 8 bytes of BLAKE3 of all of it, each part behind its length. It is stored, so it must never
    /// change; the test below holds it. A cryptographic hash: nobody can send records that are taken for others.
    fn number(&self) -> i64 {
        let texts = [
            Some(self.source),
            Some(self.key.as_str()),
            Some(self.name.as_str()),
            self.description.map(Description::as_str),
            self.photo_url.map(PhotoUrl::as_str),
        ];
        // Room for most groups without a look for memory.
        let mut bytes = [0; 640];
        let mut bytes = Bytes { room: &mut bytes, length: 0, more: Vec::new() };
        for text in texts {
            // No text is as long as what stands for none.
            let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
            bytes.add(&length.to_le_bytes());
            bytes.add(text.unwrap_or_default().as_bytes());
        }
        bytes.add(&self.parent.map_or(0, GroupId::get).to_le_bytes());
        let hash = blake3::hash(bytes.all());
        let mut first = [0; 8];
        first.copy_from_slice(&hash.as_bytes()[..8]);
        i64::from_le_bytes(first)
    }
}

/// Bytes that lie on the stack as long as they fit.
struct Bytes<'r> {
    room: &'r mut [u8],
    length: usize,
    /// All of them, where they do not fit.
    more: Vec<u8>,
}

impl Bytes<'_> {
    fn add(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.room.get_mut(self.length..end).filter(|_| self.more.is_empty()) {
            room.copy_from_slice(bytes);
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&self.room[..self.length]);
            }
            self.more.extend_from_slice(bytes);
        }
        self.length = end;
    }

    fn all(&self) -> &[u8] {
        if self.more.is_empty() { &self.room[..self.length] } else { &self.more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_groups_keep_their_numbers() {
        let reference =
            ExternalReference { source: Source::from_stored("ERP"), key: ReferenceKey::from_stored("K-1") };
        let plain = Content {
            name: Name::from_stored("A name"),
            description: None,
            parent: None,
            photo_url: None,
            details: None,
        };
        let number = |content: &Content| of_stored(Some(&reference), content);
        assert_eq!(number(&plain), Some(3_570_330_126_399_537_029));
        let described = Content { description: Some(Description::from_stored("")), ..plain.clone() };
        let moved = Content { parent: GroupId::new(7), ..plain.clone() };
        let pictured = Content { photo_url: Some(PhotoUrl::from_stored("")), ..plain.clone() };
        let numbers = [&plain, &described, &moved, &pictured].map(number);
        assert!((1..4).all(|at| !numbers[..at].contains(&numbers[at])), "{numbers:?}");
        assert_eq!(number(&Content { details: Some(Box::default()), ..plain.clone() }), None);
        assert_eq!(of_stored(None, &plain), None);
        // Longer than there is room for.
        let long = |end| Content {
            name: Name::from_stored("n".repeat(255)),
            description: Some(Description::from_stored(format!("{}{end}", "\u{10000}".repeat(254)))),
            ..plain.clone()
        };
        assert_ne!(number(&long("a")), number(&long("b")));
    }
}
