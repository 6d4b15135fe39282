//! Whether groups are a forest, and nothing lives below what is archived.

use super::NodeFact;

/// Told of a group, and what is wrong with it.
type Tell<'t> = &'t mut dyn FnMut(i64, String);

/// A group of which the level is not known yet.
const UNKNOWN: u32 = 0;
/// One that lies on the way that is being climbed.
const CLIMBED: u32 = u32::MAX;
/// One from which the way up runs in a circle.
const CIRCLING: u32 = u32::MAX - 1;

/// Checks groups in ascending order of ids; on how many levels they lie.
pub(super) fn check(nodes: &[NodeFact], tell: Tell<'_>) -> usize {
    let parents: Vec<Option<usize>> = nodes.iter().map(|node| parent(nodes, node)).collect();
    for (node, parent) in nodes.iter().zip(&parents) {
        match parent {
            None if node.parent != 0 => tell(node.id, format!("its parent {} is not there", node.parent)),
            Some(parent) if nodes[*parent].archived && !node.archived => {
                tell(node.id, format!("lives below group {}, which is archived", node.parent));
            }
            _ => {}
        }
    }
    let mut levels = vec![UNKNOWN; nodes.len()];
    for start in 0..nodes.len() {
        climb(start, &parents, &mut levels, &mut |member| {
            tell(nodes[member].id, "the groups above it run in a circle".to_owned());
        });
    }
    levels.into_iter().filter(|level| *level != CIRCLING).max().map_or(0, |level| level as usize)
}

fn parent(nodes: &[NodeFact], node: &NodeFact) -> Option<usize> {
    let above = (node.parent != 0).then_some(node.parent)?;
    nodes.binary_search_by_key(&above, |node| node.id).ok()
}

/// Finds the level of a group and of all above it. Each group is climbed once.
fn climb(start: usize, parents: &[Option<usize>], levels: &mut [u32], circling: &mut dyn FnMut(usize)) {
    let (mut path, mut next) = (Vec::new(), Some(start));
    let mut level = loop {
        let Some(place) = next else { break 0 };
        match levels[place] {
            UNKNOWN => {
                levels[place] = CLIMBED;
                path.push(place);
                next = parents[place];
            }
            CLIMBED => break CIRCLING,
            known => break known,
        }
    };
    for place in path.into_iter().rev() {
        if level == CIRCLING {
            circling(place);
        } else {
            level += 1;
        }
        levels[place] = level;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids, parents (0 for none) and whether they are archived; what is told of which group; the levels.
    fn told(groups: &[(i64, i64, bool)]) -> (Vec<(i64, String)>, usize) {
        let nodes: Vec<NodeFact> =
            groups.iter().map(|&(id, parent, archived)| NodeFact { id, parent, archived }).collect();
        let mut told = Vec::new();
        let levels = check(&nodes, &mut |group, problem| told.push((group, problem)));
        (told, levels)
    }

    #[test]
    fn a_forest_is_whole() {
        let groups = [(1, 0, false), (2, 1, false), (3, 7, true), (7, 2, false), (9, 0, true), (10, 9, true)];
        assert_eq!(told(&groups), (Vec::new(), 4));
        assert_eq!(told(&[]), (Vec::new(), 0));
    }

    #[test]
    fn every_group_that_does_not_fit_is_named() {
        let circle = "the groups above it run in a circle".to_owned();
        let groups =
            [(1, 3, false), (2, 1, false), (3, 1, false), (4, 4, true), (5, 2, false), (6, 0, false)];
        let (mut found, levels) = told(&groups);
        found.sort();
        assert_eq!(found, [1, 2, 3, 4, 5].map(|id| (id, circle.clone())));
        assert_eq!(levels, 1);
        let (found, _) = told(&[(1, 0, true), (2, 1, false), (3, 8, false)]);
        let texts: Vec<String> = found.iter().map(|(id, problem)| format!("{id} {problem}")).collect();
        assert_eq!(texts, ["2 lives below group 1, which is archived", "3 its parent 8 is not there"]);
    }
}
