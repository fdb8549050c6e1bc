//! The dispatch protocol as a model: what can happen in a world, and what comes of it.

use spark_broker::submission::{Arrival, Record, State, arrive};
use stateright::{Model, Property};

use super::cluster::{Cluster, Own};
use super::mind::Rec;
use super::store::{self, Written};
use super::world::{Answer, Ask, World, accepted, wall};
use super::{happening, scheduler, watching};

/// A rule that can be taken out, in the model's wiring alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The intent is written before anything is sent.
    Intent,
    /// The name is a function of the attempt.
    Name,
    /// A record of an older epoch is stamped before anything is done for it.
    Restamp,
    /// A failed condition that shows what the write would have made is success.
    ReplyLost,
    /// Giving an attempt up needs two absences, the settling time apart.
    DoubleAbsence,
    /// Each record has a random value of its own.
    Incarnation,
}

/// The bound, and what is let happen within it.
#[derive(Debug, Clone)]
pub struct Dispatch {
    pub clusters: usize,
    pub faults: u8,
    pub cancels: u8,
    /// How often the ID is sent again once its record has expired.
    pub resends: u8,
    pub tries: u32,
    pub two_phase: bool,
    /// `onUnreachable: move`.
    pub moves: bool,
    /// Whether a create may land after `createSettle`: one-phase's stated exception.
    pub late_creates: bool,
    /// Whether operator, pods and strangers commit faults too.
    pub cluster_faults: bool,
    pub without: Option<Rule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    Object,
    /// After a reconnection: the object's last state isn't told.
    Relisted,
    Driver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    Takeover(usize),
    Crash(usize),
    Read(usize),
    Place(usize, usize),
    /// What `plan` says: a call is sent, or a settling time passes.
    Act(usize),
    /// The cluster has been silent for `failoverAfter`.
    Silence(usize),
    See(usize, usize, Look),
    Sweep(usize, usize),
    Clear(usize, usize),
    Deliver(usize),
    Answer(usize),
    /// Nobody waits for the call any more; it may still land.
    TimeOut(usize),
    /// A quota refuses the create.
    Refuse(usize),
    CutOff(usize),
    Back(usize),
    Cancel,
    Duplicate,
    Resend,
    Operator(usize, Own),
}

impl Action {
    /// Whether it is a fault, or an outsider's wish: nothing may depend on it to come to an end.
    pub fn is_fault(self, world: &World) -> bool {
        match self {
            Self::Crash(_) | Self::Refuse(_) | Self::CutOff(_) => true,
            // A cluster that is cut off answers nobody: that was the fault.
            Self::TimeOut(i) => !world.calls[i]
                .ask
                .cluster()
                .is_some_and(|c| world.clusters[c].cut_off),
            Self::Takeover(_) => world.holder.is_some(),
            Self::Operator(c, own) => {
                let steps = world.clusters[c].own_steps();
                steps.iter().any(|(step, fault)| *step == own && *fault)
            }
            _ => false,
        }
    }

    fn is_wish(self) -> bool {
        matches!(self, Self::Cancel | Self::Duplicate | Self::Resend)
    }
}

impl Dispatch {
    fn enabled(&self, world: &World) -> Vec<Action> {
        let mut all = vec![Action::Cancel, Action::Duplicate, Action::Resend];
        // The two are alike: of those without a term the first takes over.
        all.extend(
            world
                .brokers
                .iter()
                .position(|b| b.epoch.is_none())
                .map(Action::Takeover),
        );
        if let Some(b) = world.holder {
            all.push(Action::Crash(b));
            all.extend([Action::Read(b), Action::Act(b), Action::Silence(b)]);
            for c in 0..self.clusters {
                all.extend([Action::Place(b, c), Action::Sweep(b, c)]);
                all.extend([Look::Object, Look::Relisted, Look::Driver].map(|look| Action::See(b, c, look)));
            }
            all.extend((0..world.record.0.abandoned.len()).map(|k| Action::Clear(b, k)));
        }
        for (i, call) in world.calls.iter().enumerate() {
            match &call.answer {
                None => all.push(Action::Deliver(i)),
                Some(_) => all.push(Action::Answer(i)),
            }
            all.extend([Action::TimeOut(i), Action::Refuse(i)]);
        }
        for (c, cluster) in world.clusters.iter().enumerate() {
            all.push(if cluster.cut_off {
                Action::Back(c)
            } else {
                Action::CutOff(c)
            });
            let steps = cluster
                .own_steps()
                .into_iter()
                .filter(|(_, fault)| !fault || self.cluster_faults);
            all.extend(steps.map(|(own, _)| Action::Operator(c, own)));
        }
        all
    }

    /// What comes of `action`; `None` where it can't happen or changes nothing.
    pub fn after(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        if action.is_fault(world) {
            next.faults = world.faults.checked_sub(1)?;
        }
        let happened = match action {
            Action::Takeover(b) => happening::take_over(&mut next, b),
            Action::Crash(b) => happening::crash(&mut next, b),
            Action::Read(b) => scheduler::read(self, &mut next, b),
            Action::Place(b, c) => scheduler::place(self, &mut next, b, c),
            Action::Act(b) => scheduler::act(self, &mut next, b),
            Action::Silence(b) => self.moves && scheduler::silence(&mut next, b),
            Action::See(b, c, look) => watching::see(&mut next, b, c, look),
            Action::Sweep(b, c) => watching::sweep(&mut next, b, c),
            Action::Clear(b, k) => watching::clear(self, &mut next, b, k),
            Action::Deliver(i) => self.deliver(&mut next, i),
            Action::Answer(i) => happening::answer(self, &mut next, i),
            Action::TimeOut(i) => happening::time_out(self, &mut next, i),
            Action::Refuse(i) => happening::refuse(&mut next, i),
            Action::CutOff(c) => happening::cut_off(&mut next.clusters[c], true),
            Action::Back(c) => happening::cut_off(&mut next.clusters[c], false),
            Action::Cancel => happening::cancel(&mut next),
            Action::Duplicate => self.arrives_again(&mut next, false),
            Action::Resend => self.arrives_again(&mut next, true),
            Action::Operator(c, own) => happening::operator(&mut next, c, own),
        };
        next.calls
            .sort_by_key(|call| (call.from.is_none(), call.from, format!("{call:?}")));
        (happened && next != *world).then_some(next)
    }

    fn deliver(&self, world: &mut World, i: usize) -> bool {
        let call = world.calls[i].clone();
        if call.ask.cluster().is_some_and(|c| world.clusters[c].cut_off) {
            return false;
        }
        let answer = self.carried_out(world, &call.ask);
        if call.from.is_some() {
            world.calls[i].answer = Some(answer);
        } else {
            world.calls.remove(i);
        }
        true
    }

    fn carried_out(&self, world: &mut World, ask: &Ask) -> Answer {
        match ask {
            Ask::Write { known, next } => {
                let mut written = store::update(&world.record, known, next);
                if let (Written::WasDone(stands), Some(Rule::ReplyLost)) = (&written, self.without) {
                    written = Written::Stale(stands.clone());
                }
                if let Written::Done(record) = &written {
                    world.record = record.clone();
                }
                Answer::Written(written)
            }
            Ask::Create {
                cluster,
                name,
                owner,
                two_phase,
            } => scheduler::create(world, *cluster, *name, *owner, *two_phase),
            Ask::Look { cluster, name } => Answer::Seen(world.clusters[*cluster].named(*name).cloned()),
            Ask::List { cluster } => Answer::Pods(world.clusters[*cluster].pods.clone()),
            Ask::Release { cluster, uid } => {
                world.clusters[*cluster].object(*uid, |o| o.suspended &= o.gone);
                Answer::Done
            }
            Ask::Delete { cluster, uid } => {
                world.clusters[*cluster].object(*uid, |o| o.gone = true);
                Answer::Done
            }
            Ask::DeletePods { cluster, uids } => {
                world.clusters[*cluster]
                    .pods
                    .retain(|pod| !uids.contains(&pod.uid));
                Answer::Done
            }
            Ask::Remove { cluster, object, pod } => {
                let cluster = &mut world.clusters[*cluster];
                object
                    .iter()
                    .for_each(|uid| cluster.object(*uid, |o| o.gone = true));
                cluster.pods.retain(|p| Some(p.uid) != *pod);
                Answer::Done
            }
        }
    }

    /// The message is received again, or sent again once its record has expired.
    fn arrives_again(&self, world: &mut World, expired: bool) -> bool {
        let stored = &world.record.0;
        let mut incarnation = World::owner_of(stored).0;
        if expired {
            // The table keeps an ended record longer than anything of it can stand unfinished.
            if world.resends == 0 || !world.is_at_rest() || !world.calls.is_empty() {
                return false;
            }
            world.resends -= 1;
            incarnation += u8::from(self.without != Some(Rule::Incarnation));
        }
        let arriving = accepted(incarnation, self.tries);
        let now = if expired { jiff::Timestamp::MAX } else { wall() };
        match arrive(stored, &arriving, now) {
            Arrival::Duplicate => false,
            Arrival::Replace => {
                let version = stored.version.next();
                world.record = Rec::new(Record { version, ..arriving });
                world.succeeded.clear();
                true
            }
            Arrival::Conflict | Arrival::Cancelled => unreachable!("the same message"),
        }
    }
}

impl Model for Dispatch {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            record: Rec::new(accepted(0, self.tries)),
            epoch: 0,
            holder: None,
            brokers: Default::default(),
            clusters: vec![Cluster::default(); self.clusters],
            calls: Vec::new(),
            uid: 0,
            faults: self.faults,
            cancels: self.cancels,
            resends: self.resends,
            succeeded: Vec::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        actions.extend(self.enabled(world));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        self.after(world, action)
    }

    /// What is at rest, with nothing under way and nothing to come, stays at rest.
    fn within_boundary(&self, world: &World) -> bool {
        !world.is_over()
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one run at most", |_, world: &World| world.one_run_at_most()),
            Property::always("the record tells the truth", |_, world: &World| {
                world.tells_the_truth()
            }),
            Property::sometimes("a job succeeds", |_, world: &World| {
                world.record.0.state == State::Succeeded && world.is_at_rest()
            }),
        ]
    }
}

impl Dispatch {
    /// What follows without a fault and without anybody's wish: of these alone an end must be reachable.
    pub fn fair_steps(&self, world: &World) -> Vec<(Action, bool, World)> {
        if world.is_over() {
            return Vec::new();
        }
        let step = |action: Action| {
            let fair = !action.is_fault(world) && !action.is_wish();
            self.after(world, action).map(|next| (action, fair, next))
        };
        self.enabled(world).into_iter().filter_map(step).collect()
    }
}
