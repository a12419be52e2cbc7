/*
 * How regions agree on a take, in Promela: the protocol of docs/protocol.md stated a second time, without the code of the
 * machines. tests/test_spin.py has spin look at everything that can happen in it.
 *
 * Modelled: the coordinator and its regions from the first message of a take to the last; proposals, rounds, votes, audits,
 * rulings, commits; incarnations, fencing, rejoining; deadlines and fallbacks; a coordinator that is lost and resumed.
 *
 * Abstracted:
 *
 *   Tracks and constraints. The version of a track (incarnation and revision) stands for its digest, the versions of all
 *   regions side by side for that of a vector, and the negative of it for that of a ruling. A region may object to anything
 *   and revise at will, and an audit may find fault with anything, so what the real ones do is among it. S3 and S7 are about
 *   tracks, and not held here.
 *   Links. Within an epoch messages come in order and each once, see link.pml. What is lost and sent again is late. Lost for
 *   good is what a dead process had not got rid of, and what was under way on a link that another replaces.
 *   Fallbacks. They play in the coordinator's process, where nothing is lost, so their answers are steps of its own.
 *   Regions are alike, so if faults strike k of them at most it is enough to let them strike the first k.
 *
 *   left out: Decided: it goes right ahead of the proposal that uses it, and changes nothing of who owes what
 *   left out: rendering: it comes after the last commit, and is in dispatch.pml
 *
 * Sizes, each to be set with -D. With all that goes wrong at 0 only answers and their order are open.
 *
 *   REGIONS   2 to 4                                  SILENCES   agents that never answer
 *   BEATS     of the take                             LATE       deadlines that pass though an answer would have come
 *   ROUNDS    the last allowed round                  COPIES     wishes to be let in, and answers to them, that come again
 *   CRASHES   processes of regions that die           RESUMES    losses of the coordinator, and of all with it
 *   CRITICS   objections of the critic; 0: it has no vote
 *   FAULTY    regions that these may strike           STOPS      1: the take may be stopped, or break by an internal error
 *
 * -DMUTATION=NAME puts a fault into the protocol, which has to be found. What fits no row of the tables is then dropped without
 * a word, so that the fault is found by what comes of it.
 */
#ifndef REGIONS
#error "the sizes have to be set, see above"
#endif
/* mutations */
#define NONE 0
#define NO_FENCE 1                    /* what a fenced process still sends is taken */
#define SAME_INCARNATION 2            /* who takes the place of another gets its incarnation */
#define ANY_RESTORED 3                /* a process that is joining takes any `Restored`, not only the answer to its own nonce */
#define FORGET_TRACK 4                /* a process that is let in is told that it owes a proposal, though one stands */
#define COUNT_TWICE 5                 /* a process that is let in votes again, and votes are counted by their number */
#define STALE_VOTES 6                 /* who has accepted in the last round has accepted in this one */
#define COMMIT_EARLY 7                /* a beat commits before all have accepted */
#define COMMIT_LATEST 8               /* what commits are the latest tracks, not those that were voted on */
#define COMMIT_AGAIN 9                /* a beat that is committed is opened again */
#define SKIP_VOTE 10                  /* who is silent past its deadline is taken to accept */
#define AUDIT_AGAIN 11                /* an audit may send a beat back in the last round */
#define NO_CAP 12                     /* rounds have no cap */
#define NO_DEADLINE 13                /* who is silent is waited for */
#ifndef MUTATION
#define MUTATION NONE
#endif
#define ROOM 8                        /* of a queue; one that is full is an error */

/* messages */
mtype = {
  TakeOpened, BeatOpened, Proposed, RoundOpened, Accepted, Objected, Ruled, Committed, Aborted, Rejoined, Restored, Discarded,
  DeadlinePassed, TakeResumed, TakeClosed
};
/* phases */
mtype = { idle, directing, gathering, voting, auditing, reviewing, ruling, closed, ready, proposing, waiting, judging, joining };

/* What has to be reachable. A search says which of these lines it has never come by. */
#define sight(what) printf(what)
#define record(kind_) assert(kind_ == Discarded || kind_ == DeadlinePassed || kind_ == TakeResumed)  /* for nobody */

#define refuse() assert(MUTATION != NONE)                             /* nothing that fits no row should come in its turn */

#define ALL ((1 << REGIONS) - 1)
#define has(set, r) (((set) >> (r)) & 1)
#define with(set, r) ((set) | (1 << (r)))
#define version(incarnation_, revision_) (((incarnation_) << 4) | (revision_))
#define after(incarnation_, track_) version(incarnation_, ((track_) & 15) + 1)
#define part(vector_, r) (((vector_) >> (8 * (r))) & 255)

/* What the coordinator knows of a region. */
typedef Seat {
  byte incarnation;                   /* who plays; older ones are fenced */
  bool fallback;                      /* whether that is the fallback */
  byte track;                         /* version of the last proposal of this beat */
  byte admitted;                      /* nonce of the process that holds the incarnation */
  byte asking                         /* nonce of one that waits for the next beat */
};

/* A region's process. */
typedef Player {
  mtype phase;
  byte epoch;                         /* its incarnation; 0 for none */
  byte nonce;
  byte beat, round;
  int vector;                         /* on the table, as far as it knows */
  byte track;                         /* its last proposal */
  bool silent                         /* its agent does not answer */
};

Seat seat[REGIONS];
Player player[REGIONS];
chan to[REGIONS] = [ROOM] of { mtype, byte, byte, byte, byte, int, int, byte, mtype };
#define TOLD kind, epoch, nonce, of_beat, of_round, vector, previous, track, goal
chan from[REGIONS] = [ROOM] of { mtype, byte, byte, byte, int };
#define HEARD kind, epoch, of_beat, of_round, what
chan door[REGIONS] = [4] of { mtype, byte };                          /* Rejoined, nonce */

/* The coordinator: a fold of its journal. */
mtype phase = idle;
byte beat, round;
int table;                            /* the vector that is voted on */
byte answered, counted;               /* regions that have proposed while gathering, or voted while voting; and how many */
bool disputed;                        /* somebody objected in this round */
int committed[BEATS];

byte consent;                         /* regions whose own vote for what is on the table has come, whatever was counted */
byte crashes = CRASHES, silences = SILENCES, late = LATE, copies = COPIES, resumes = RESUMES, stops = STOPS, critics = CRITICS;

inline drain_from(r) { do :: from[r] ? _, _, _, _, _ :: empty(from[r]) -> break od }
inline drain_to(r) { do :: to[r] ? _, _, _, _, _, _, _, _, _ :: empty(to[r]) -> break od }

/* ------------------------------------------------------------------------------------------------------------- role: region */

#define ME player[me]

inline ask(r) {
  assert(nfull(door[r]));
  door[r] ! Rejoined, player[r].nonce
}

/* A new process takes the place of another, knows nothing, and asks to be let in. */
inline wake(r) { /* on: Wake */
  player[r].nonce++;
  player[r].phase = joining;
  player[r].epoch = 0; player[r].beat = 0; player[r].round = 0; player[r].vector = 0; player[r].track = 0;
  player[r].silent = false;
  ask(r)
}

inline say(kind_, what_) {
  assert(nfull(from[me]));
  from[me] ! kind_, ME.epoch, ME.beat, ME.round, what_
}

inline propose() {
  ME.track = after(ME.epoch, ME.track);
  say(Proposed, ME.track)
}

/* Which `Restored` counts: the answer to its own nonce, or for one that is in already, a newer incarnation. */
#define COUNTS (epoch > ME.epoch && (ME.phase != joining || nonce == ME.nonce || MUTATION == ANY_RESTORED))

inline adopt() { /* on: Restored */
  assert(of_beat == 0 || previous == committed[of_beat - 1]);         /* S1 */
  ME.phase = goal; ME.epoch = epoch; ME.silent = false;
  ME.beat = of_beat; ME.round = of_round; ME.vector = vector; ME.track = track
}

inline take() {
  if
  :: kind == TakeOpened && ME.phase == idle -> /* on: TakeOpened */
     ME.phase = ready
  :: kind == BeatOpened && (ME.phase == ready || ME.phase == waiting) -> /* on: BeatOpened */
     assert(of_beat == 0 || previous == committed[of_beat - 1]);      /* S1 */
     ME.phase = proposing; ME.beat = of_beat; ME.round = 0; ME.vector = 0; ME.track = 0
  :: kind == RoundOpened && ME.phase == waiting -> /* on: RoundOpened */
     assert(part(vector, me) == ME.track);                            /* S2: what is on the table as its own, it has proposed */
     ME.phase = judging; ME.round = of_round; ME.vector = vector
  :: kind == Ruled && ME.phase == waiting -> /* on: Ruled */
     ME.vector = vector
  :: kind == Committed && ME.phase == waiting -> /* on: Committed */
     assert(vector == ME.vector);                                     /* S2: it was on the table last, or ruled */
     assert(vector == committed[of_beat]);                            /* S1 */
     ME.phase = ready; ME.round = 0; ME.vector = 0; ME.track = 0
  :: kind == Aborted -> skip /* on: Aborted */
  :: kind == TakeClosed -> /* on: TakeClosed */
     ME.phase = closed
  :: else -> refuse()
  fi
}

proctype Region(byte me) {
  mtype kind, goal;
  byte epoch, nonce, of_beat, of_round, track;
  int vector, previous;

end: do
  :: atomic {
       ME.phase != closed && nempty(to[me]) ->
       to[me] ? TOLD;
       if                             /* what was taken and not acknowledged comes once more, to this process or the next */
       :: true
       :: kind == Restored && copies > 0 && me < FAULTY -> copies--; assert(nfull(to[me])); to[me] ! TOLD
       fi;
       if
       :: kind == Restored && COUNTS -> adopt()
       :: kind != Restored && epoch == ME.epoch -> take()
       :: else -> sight("OldLinkSpeaks\n")  /* S5: it is not for this process */
       fi;
       kind = 0; epoch = 0; nonce = 0; of_beat = 0; of_round = 0; vector = 0; previous = 0; track = 0; goal = 0
     }
  :: atomic { /* on: Thought */
       ME.phase == proposing && !ME.silent -> propose(); ME.phase = waiting
     }
  :: atomic { /* on: Judged */
       ME.phase == judging && !ME.silent ->
       if
       :: say(Accepted, ME.vector)
       :: say(Objected, ME.vector)
       :: propose(); say(Objected, ME.vector)
       fi;
       ME.phase = waiting
     }
  :: atomic { /* it asks again, where neither its wish nor an answer is under way or noted */
       ME.phase == joining && phase != closed && ME.nonce != seat[me].asking && !(door[me] ?? [Rejoined, eval(ME.nonce)]) &&
         !(to[me] ?? [Restored, eval(seat[me].incarnation), eval(ME.nonce), of_beat, of_round, vector, previous, track,
                      goal]) ->
       sight("AskedAgain\n");
       ask(me)
     }
  :: atomic { /* its process dies, with what it has sent or without */
       ME.phase != closed && crashes > 0 && me < FAULTY ->
       crashes--;
       if :: ME.phase == joining -> sight("DiesJoining\n") :: else fi;
       if :: true :: nempty(from[me]) -> drain_from(me) fi;
       wake(me)
     }
  :: atomic { /* its agent does not answer */
       (ME.phase == proposing || ME.phase == judging) && !ME.silent && silences > 0 && me < FAULTY ->
       silences--; ME.silent = true
     }
  od
}

/* -------------------------------------------------------------------------------------------------------- role: coordinator */

#define ACTIVE (phase != idle && phase != closed)
#define ASKING (phase == gathering || phase == voting)
#define PREVIOUS (beat == 0 -> 0 : committed[beat - 1])

#define ANSWER answered = with(answered, me); counted++
#define NO_ANSWERS answered = 0; counted = 0
#define FIRST(r) (!has(answered, r) || MUTATION == COUNT_TWICE)
#define ENOUGH (MUTATION == COMMIT_EARLY && phase == voting && has(answered, 0))
#define COMPLETE (MUTATION == COUNT_TWICE -> counted == REGIONS : answered == ALL || ENOUGH)
#define MORE (round < ROUNDS || MUTATION == NO_CAP)

/* A fallback hears what it is told as part of the coordinator. */
inline tell(r, kind_, nonce_, track_, goal_) {
  if
  :: seat[r].fallback
  :: else ->
     assert(nfull(to[r]));
     to[r] ! kind_, seat[r].incarnation, nonce_, beat, round, table, PREVIOUS, track_, goal_
  fi
}

inline tell_all(kind_) {
  for (i : 0 .. REGIONS - 1) { tell(i, kind_, 0, 0, 0) };
  i = 0
}

/* Whoever plays a region from now on; what is under way to the last one still arrives, or does not. */
inline mint(r) {
  seat[r].incarnation = seat[r].incarnation + (MUTATION == SAME_INCARNATION -> 0 : 1);
  assert(seat[r].incarnation < 8);    /* there is no room for more in the version of a track */
  if :: true :: nempty(to[r]) -> drain_to(r) fi
}

/* Lets a process in under a new incarnation, and tells it all that it needs to go on. */
inline restore(r, nonce_) {
  mint(r);
  seat[r].fallback = false; seat[r].admitted = nonce_; seat[r].asking = 0;
  if
  :: phase == directing -> tell(r, Restored, nonce_, 0, ready)
  :: phase == gathering && (FIRST(r) || MUTATION == FORGET_TRACK) -> tell(r, Restored, nonce_, 0, proposing)
  :: phase == voting && FIRST(r) -> tell(r, Restored, nonce_, seat[r].track, judging)
  :: else -> tell(r, Restored, nonce_, seat[r].track, waiting)
  fi
}

/* The latest tracks, side by side. */
inline lay_out() {
  table = 0;
  for (i : 0 .. REGIONS - 1) { table = table | (seat[i].track << (8 * i)) };
  i = 0
}

inline open_round() {
  phase = voting;
  round = (MUTATION == NO_CAP && round == ROUNDS -> ROUNDS : round + 1);
  assert(round <= ROUNDS);            /* L1 */
  NO_ANSWERS;
  answered = (MUTATION == STALE_VOTES -> consent : 0);
  consent = 0; disputed = false;
  lay_out();
  tell_all(RoundOpened)
}

inline open_beat() {
  phase = gathering;
  NO_ANSWERS;
  round = 0; consent = 0; disputed = false; table = 0;
  for (i : 0 .. REGIONS - 1) {
    seat[i].track = 0;
    if
    :: seat[i].fallback ->            /* the region plays again: the process that asked meanwhile, or the one that is there */
       sight("RegionReturns\n");
       restore(i, seat[i].asking)
    :: else -> tell(i, BeatOpened, 0, 0, 0)
    fi
  };
  i = 0
}

/* A process asks to be let in. The same nonce gets no second incarnation. */
inline let_in() { /* on: Rejoined */
  if
  :: nonce == seat[me].admitted || nonce == seat[me].asking -> sight("AskedTwice\n")
  :: else ->
     if
     :: seat[me].fallback -> sight("WaitsForTheBeat\n"); seat[me].asking = nonce
     :: else ->
        if
        :: phase == directing -> sight("RejoinsDirecting\n")
        :: phase == gathering -> sight("RejoinsGathering\n")
        :: phase == voting && FIRST(me) -> sight("RejoinsVoting\n")
        :: phase == voting && !FIRST(me) -> sight("VoteStands\n")
        :: phase == auditing -> sight("RejoinsAuditing\n")
        :: phase == reviewing -> sight("RejoinsReviewing\n")
        :: phase == ruling -> sight("RejoinsRuling\n")
        fi;
        restore(me, nonce)
     fi
  fi
}

/* What comes from the incarnation that may speak. */
inline hear() {
  if
  :: kind == Proposed && ASKING && of_beat == beat && of_round == round && FIRST(me) -> /* on: Proposed */
     seat[me].track = what;
     if :: phase == gathering -> ANSWER :: else fi
  :: (kind == Accepted || kind == Objected) && phase == voting &&
       of_beat == beat && of_round == round && what == table && FIRST(me) -> /* on: Accepted */ /* on: Objected */
     if :: seat[me].admitted != 0 -> sight("RejoinedVotes\n") :: else fi;
     if :: kind == Accepted && epoch == seat[me].incarnation -> consent = with(consent, me) :: else fi;
     ANSWER;
     disputed = disputed || kind == Objected
  :: else -> refuse()
  fi
}

#define OWES (ASKING && FIRST(me))

/* The coordinator where it deals with one region. */
proctype Host(byte me) {
  mtype kind;
  byte epoch, of_beat, of_round, nonce, i;
  int what;

end: do
  :: atomic {
       ACTIVE && nempty(from[me]) ->
       from[me] ? HEARD;
       if
       :: epoch == seat[me].incarnation || MUTATION == NO_FENCE -> hear()
       :: else ->
          record(Discarded);          /* what is fenced has no effect */
          if
          :: kind == Proposed -> sight("LateProposal\n")
          :: else -> sight("LateVote\n")
          fi
       fi;
       kind = 0; epoch = 0; of_beat = 0; of_round = 0; what = 0
     }
  :: atomic {
       ACTIVE && nempty(door[me]) ->
       door[me] ? Rejoined, nonce;
       if
       :: true
       :: copies > 0 && me < FAULTY -> copies--; door[me] ! Rejoined, nonce
       fi;
       let_in();
       nonce = 0
     }
  :: atomic { /* the fallback proposes, or votes */
       OWES && seat[me].fallback ->
       if
       :: phase == gathering -> seat[me].track = after(seat[me].incarnation, seat[me].track)
       :: phase == voting -> consent = with(consent, me); sight("FallbackAccepts\n")
       :: phase == voting -> disputed = true; sight("FallbackObjects\n")
       :: phase == voting -> disputed = true; seat[me].track = after(seat[me].incarnation, seat[me].track)
       fi;
       ANSWER
     }
  :: atomic { MUTATION == SKIP_VOTE && OWES && player[me].silent && phase == voting -> ANSWER }
  :: atomic { /* on: DeadlineFired */
       MUTATION != NO_DEADLINE && OWES && !seat[me].fallback && (player[me].silent || (late > 0 && me < FAULTY)) ->
       late = (player[me].silent -> late : late - 1);
       record(DeadlinePassed);
       mint(me);
       seat[me].fallback = true; seat[me].admitted = 0 /* who was let in may know nothing yet: it may ask again */
     }
  :: atomic { /* its deadline passes, too */
       OWES && seat[me].fallback && silences > 0 && me < FAULTY ->
       silences--;
       sight("FallbackSilent\n");
       phase = closed; tell_all(Aborted)
     }
  od
}

/* Whether the critic has a vote: what it sends back takes a round to revise and one to accept. */
#define REVIEWED (CRITICS > 0 && round + 2 <= ROUNDS)

/* The coordinator where it deals with all of them. */
proctype Coordinator() {
  bool sealed, opens;
  byte i;

  atomic { /* on: Start */
    phase = directing;
    for (i : 0 .. REGIONS - 1) { seat[i].incarnation = 1 };
    tell_all(TakeOpened)
  };
  do
  :: atomic {
       if
       :: phase == directing -> opens = true /* on: Exchanged */ /* on: Briefed */  /* the first changes nothing */
       :: phase == gathering && COMPLETE -> open_round()              /* all have proposed */
       :: phase == voting && COMPLETE && disputed && MORE -> open_round()
       :: phase == voting && COMPLETE && disputed && !MORE -> phase = ruling
       :: phase == voting && COMPLETE && !disputed -> phase = auditing
       :: phase == auditing && REVIEWED -> phase = reviewing
       :: phase == reviewing && critics > 0 -> critics--; sight("CriticSendsBack\n"); open_round()
       :: phase == reviewing || (phase == auditing && !REVIEWED) -> /* on: Audited */ /* on: Reviewed */
          assert(consent == ALL);     /* S1: all have accepted this vector */
          if :: round > 1 -> sight("CommitAfterObjections\n") :: else fi;
          if :: resumes < RESUMES -> sight("CommitAfterResuming\n") :: else fi;
          if :: MUTATION == COMMIT_LATEST -> lay_out() :: else fi;
          sealed = true
       :: phase == auditing && (round < ROUNDS || MUTATION == AUDIT_AGAIN) -> sight("AuditSendsBack\n"); open_round()
       :: phase == auditing && round == ROUNDS -> phase = ruling
       :: phase == ruling -> /* on: RulingMade */
          assert(round == ROUNDS);
          sight("RulingReached\n");
          lay_out();
          table = -table;
          tell_all(Ruled);
          sealed = true
       fi;
       if
       :: sealed ->
          assert(committed[beat] == 0);                               /* S6 */
          committed[beat] = table;
          tell_all(Committed);
          if
          :: MUTATION == COMMIT_AGAIN -> opens = true
          :: beat < BEATS - 1 -> beat++; opens = true
          :: beat == BEATS - 1 -> phase = closed
          fi
       :: else
       fi;
       if :: opens -> open_beat() :: else fi;
       sealed = false; opens = false
     }
  :: atomic { /* on: Stop */
       ACTIVE && stops > 0 -> stops--; sight("Stopped\n"); phase = closed
     }
  :: atomic { /* on: Broke */
       ACTIVE && stops > 0 -> stops--; sight("Broken\n"); phase = closed; tell_all(Aborted)
     }
  :: atomic { /* on: Resume */ /* all processes are new; what was under way reaches nobody; the journal says what it knew */
       ACTIVE && resumes > 0 ->
       resumes--;
       record(TakeResumed);
       for (i : 0 .. REGIONS - 1) {
         drain_from(i); drain_to(i);
         do :: door[i] ? _, _ :: empty(door[i]) -> break od;
         seat[i].asking = 0;
         if :: seat[i].fallback -> mint(i) :: else fi;
         wake(i)
       };
       i = 0
     }
  :: phase == closed -> break
  od;
  atomic { tell_all(TakeClosed) }
}

init {
  byte i;

  atomic {
    for (i : 0 .. REGIONS - 1) { player[i].phase = idle; player[i].epoch = 1; run Region(i); run Host(i) };
    i = 0;
    run Coordinator()
  }
}

ltl closes { <> (phase == closed) }   /* L1 */
