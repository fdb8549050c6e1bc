//! The whole graph of a bound, and whether an end can be reached from everywhere in it without a fault's help.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::Model;

use super::dispatch::{Action, Dispatch};
use super::world::World;

/// What was found.
#[derive(Debug)]
pub struct Reached {
    pub states: usize,
    pub ends: usize,
    pub stuck: usize,
    /// A way to a state from which no end can be reached, and that state.
    pub example: Option<(Vec<Action>, Box<World>)>,
}

#[derive(Default)]
struct Graph {
    numbers: HashMap<u64, u32>,
    /// By whose step each state was met first.
    met: Vec<Option<(u32, Action)>>,
    /// From where fair steps lead to each state.
    back: Vec<Vec<u32>>,
    todo: Vec<(u32, World)>,
}

impl Graph {
    fn meet(&mut self, world: World, by: Option<(u32, Action)>) -> u32 {
        let fresh = u32::try_from(self.met.len()).unwrap();
        let mut hasher = DefaultHasher::new();
        world.hash(&mut hasher);
        let n = *self.numbers.entry(hasher.finish()).or_insert(fresh);
        if n == fresh {
            self.met.push(by);
            self.back.push(Vec::new());
            self.todo.push((n, world));
        }
        n
    }

    fn stuck(&self, ends: Vec<u32>) -> Vec<usize> {
        let mut stuck = vec![true; self.back.len()];
        let mut todo = ends;
        while let Some(n) = todo.pop() {
            if std::mem::replace(&mut stuck[n as usize], false) {
                todo.extend(&self.back[n as usize]);
            }
        }
        (0..stuck.len()).filter(|n| stuck[*n]).collect()
    }

    fn way_to(&self, n: usize) -> Vec<Action> {
        let mut way = Vec::new();
        let mut at = n;
        while let Some((from, action)) = self.met[at] {
            way.push(action);
            at = from as usize;
        }
        way.reverse();
        way
    }
}

/// Visits every state of `model`, then goes back from the ends along the fair steps.
pub fn reach(model: &Dispatch) -> Reached {
    let mut graph = Graph::default();
    let mut ends = Vec::new();
    for world in model.init_states() {
        graph.meet(world, None);
    }
    while let Some((from, world)) = graph.todo.pop() {
        if world.is_at_rest() {
            ends.push(from);
        }
        for (action, fair, next) in model.fair_steps(&world) {
            let to = graph.meet(next, Some((from, action)));
            if fair {
                graph.back[to as usize].push(from);
            }
        }
    }
    let (states, count) = (graph.met.len(), ends.len());
    let stuck = graph.stuck(ends);
    let example = stuck
        .iter()
        .map(|n| graph.way_to(*n))
        .min_by_key(Vec::len)
        .map(|way| {
            let first = model.init_states().remove(0);
            let world = way.iter().fold(first, |world, action| {
                model.after(&world, *action).unwrap_or(world)
            });
            (way, Box::new(world))
        });
    Reached {
        states,
        ends: count,
        stuck: stuck.len(),
        example,
    }
}
