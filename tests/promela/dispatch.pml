/*
 * How committed beats become a video, in Promela: the protocol of docs/protocol.md stated a second time, without the code of
 * the machines. tests/test_spin.py has spin look at everything that can happen in it.
 *
 * Modelled: the dispatcher and its renderers; chunks, attempts, strikes, suspects, lost frames, the order of writing; renderers
 * that start, fall silent, fail, die and are dismissed; the coordinator as far as it commits, waits for the video and closes,
 * and its loss, after which everything is rendered again.
 *
 * Abstracted:
 *
 *   Negotiation. Vectors come on the table one after another, and any of them may be committed. How is in negotiation.pml.
 *   Frames and rows. The vector that they were made from stands for their digest.
 *   Links. What is lost is sent again, so a loss is a delay. What comes twice, and answers in another order, are in here.
 *   Which renderer gets a chunk. One that may have it is given it; whom the dispatcher prefers is not said.
 *
 *   left out: directing, voting, auditing, ruling: they are in negotiation.pml; the coordinator's gathering stands for them
 *
 * Sizes, each to be set with -D. With all that goes wrong at 0 only answers and their order are open.
 *
 *   RENDERERS   places for renderers, 1 or 2           COPIES      messages that come once more
 *   BEATS       of the take                            SWAPS       answers that others overtake
 *   CHUNKS      of a beat                              DEATHS      renderers that die, whatever they do
 *   AHEAD       handed out or rendered, not written    FAILURES    renderings that fail
 *   STRIKES     with which a chunk is given up         QUIETS      renderers that do not answer for a while
 *   LOSSES      of one chunk's frames: the film ends   LOST        rendered frames that cannot be reached any more
 *   FAILING     failures in a row: one is dismissed    POISON      1: some chunk, or none, fails or ends its renderer
 *   STOPS       1: the take may be stopped             RESUMES     losses of the coordinator, and of all with it
 *
 * -DMUTATION=NAME puts a fault into the protocol, which has to be found.
 */
#ifndef RENDERERS
#error "the sizes have to be set, see above"
#endif
/* mutations */
#define NONE 0
#define MIX 1                         /* rows of a chunk are those of the vector on the table, whatever was committed */
#define LATE_COUNTS 2                 /* the answer to an attempt that does not stand any more counts */
#define ANY_ATTEMPT 3                 /* a renderer renders once more what it is asked for once more */
#define WRITE_TWICE 4                 /* frames that come again are written again */
#define OUT_OF_ORDER 5                /* frames are written as they come */
#define NO_STRIKES 6                  /* what fails is tried for ever */
#define NO_SUSPECTS 7                 /* a chunk that a renderer held when it died goes to any other, whatever that one holds */
#define FORGET_HELD 8                 /* what a dead renderer held is not handed out again */
#define END_EARLY 9                   /* the film ends with the last beat, whatever is still rendered */
#define KEEP_VIDEO 10                 /* a resumed take goes on writing where the last video ended */
#ifndef MUTATION
#define MUTATION NONE
#endif
#define IN_ALL (BEATS * CHUNKS)

/* messages */
mtype = {
  ChunkAssigned, ChunkRendered, ChunkFailed, ChunkWritten, ChunkLost, RendererChanged, FilmOpened, Merged, FilmFailed,
  TakeResumed, TakeClosed
};
/* phases */
mtype = { idle, rendering, open, ending, closed, gathering };
/* what becomes of a chunk, and of a renderer as far as the dispatcher knows */
mtype = { uncut, waits, assigned, rendered, written, given_up, dropped, starting, ready, quiet, gone, absent };

/* What has to be reachable. A search says which of these lines it has never come by. */
#define sight(what) printf(what)
#define record(kind_) assert(kind_ != ChunkAssigned && kind_ != ChunkRendered && kind_ != ChunkFailed)  /* for nobody */

typedef Chunk {
  mtype fate = uncut;
  byte attempt, strikes, losses;
  bool suspect;                       /* a renderer died that held it */
  int motion;                         /* digest of its rows: the vector that they were sampled from */
  int frames                          /* what its frames were rendered from */
};

/* What the dispatcher knows of the renderer in a place. */
typedef Place {
  mtype standing = starting;
  byte first, second;                 /* chunks that it holds, counted from 1; it works on the first */
  byte failures                       /* in a row */
};

/* A renderer. */
typedef Renderer {
  mtype phase = idle;
  byte chunk, attempt;                /* that it works on */
  int motion;
  byte next, next_attempt;            /* the one behind it, counted from 1 */
  int next_motion;
  byte asked[IN_ALL]                  /* the last attempt at each chunk that it was asked for */
};

Chunk chunk[IN_ALL];
Place place[RENDERERS];
Renderer renderer[RENDERERS];
chan work[RENDERERS] = [4] of { mtype, byte, byte, int };             /* kind, chunk, attempt, motion */
chan done[RENDERERS] = [6] of { mtype, byte, byte, int };             /* kind, chunk, attempt, frames */
#define BODY kind, x, attempt, made

/* The coordinator. */
mtype phase = gathering;
byte beat;
byte table;                           /* the vector that is negotiated */
byte committed[BEATS];
bool failed;

/* The dispatcher. */
mtype film = open;
byte merged;                          /* beats */
byte places = RENDERERS;              /* that have a renderer, or will have one */
byte next;                            /* the chunk that is to be written */
byte writing;                         /* the chunk that the encoder was asked to take, counted from 1 */
byte lowest = IN_ALL;                 /* that was given up */

byte video;                           /* chunks that are in it */
byte poison = IN_ALL;
byte copies = COPIES, swaps = SWAPS, deaths = DEATHS, failures = FAILURES, quiets = QUIETS, lost = LOST, resumes = RESUMES;

/* ----------------------------------------------------------------------------------------------------------- role: renderer */

#define IT renderer[w]

inline rest(w_) {
  renderer[w_].phase = idle;
  renderer[w_].chunk = 0; renderer[w_].attempt = 0; renderer[w_].motion = 0;
  renderer[w_].next = 0; renderer[w_].next_attempt = 0; renderer[w_].next_motion = 0
}

/* Its process ends, and another starts. What was under way to it is lost, and what it has answered is or is not. */
inline renew(w_) {
  rest(w_);
  for (c : 0 .. IN_ALL - 1) { renderer[w_].asked[c] = 0 };
  c = 0;
  do :: work[w_] ? _, _, _, _ :: empty(work[w_]) -> break od;
  if
  :: true
  :: nempty(done[w_]) -> do :: done[w_] ? _, _, _, _ :: empty(done[w_]) -> break od
  fi
}

proctype Working(byte w) {
  mtype kind;
  byte x, attempt, c;
  int made;

end: do
  :: atomic { /* on: ChunkAssigned */
       IT.phase != closed && nempty(work[w]) ->
       work[w] ? BODY;
       if
       :: attempt <= IT.asked[x] && MUTATION != ANY_ATTEMPT -> sight("AskedTwice\n")   /* S5: it answers once */
       :: else ->
          assert(made == committed[x / CHUNKS]);                      /* S4: it refuses rows of anything else */
          IT.asked[x] = attempt;
          if
          :: IT.phase == idle -> IT.phase = rendering; IT.chunk = x; IT.attempt = attempt; IT.motion = made
          :: else ->
             assert(IT.next == 0);    /* one that it works on, and one behind it */
             IT.next = x + 1; IT.next_attempt = attempt; IT.next_motion = made
          fi
       fi;
       kind = 0; x = 0; attempt = 0; made = 0
     }
  :: atomic {
       if
       :: IT.phase == rendering && IT.chunk != poison -> /* on: Rendered */
          assert(nfull(done[w]));
          done[w] ! ChunkRendered, IT.chunk, IT.attempt, IT.motion
       :: IT.phase == rendering && (IT.chunk == poison || failures > 0) -> /* on: RenderBroke */
          failures = (IT.chunk == poison -> failures : failures - 1);
          assert(nfull(done[w]));
          done[w] ! ChunkFailed, IT.chunk, IT.attempt, 0
       fi;
       if
       :: IT.next != 0 ->
          IT.chunk = IT.next - 1; IT.attempt = IT.next_attempt; IT.motion = IT.next_motion;
          IT.next = 0; IT.next_attempt = 0; IT.next_motion = 0
       :: else -> rest(w)
       fi
     }
  :: atomic { /* it dies */
       film != closed && (place[w].standing == ready || place[w].standing == quiet) &&
         ((IT.phase == rendering && IT.chunk == poison) || deaths > 0) ->
       deaths = (IT.phase == rendering && IT.chunk == poison -> deaths : deaths - 1);
       renew(w);
       place[w].standing = gone
     }
  :: atomic { /* on: TakeClosed */ /* their base ends them */
       phase == closed && IT.phase != closed -> rest(w); IT.phase = closed
     }
  od
}

/* What a network does to messages, besides losing them. */
proctype Network(byte w) {
  mtype kind;
  byte x, attempt;
  int made;

end: do
  :: atomic {
       if
       :: copies > 0 && nempty(work[w]) && nfull(work[w]) -> copies--; work[w] ? <BODY>; work[w] ! BODY
       :: copies > 0 && nempty(done[w]) && nfull(done[w]) -> copies--; done[w] ? <BODY>; done[w] ! BODY
       :: swaps > 0 && len(done[w]) > 1 -> swaps--; done[w] ? BODY; done[w] ! BODY
       fi;
       kind = 0; x = 0; attempt = 0; made = 0
     }
  od
}

/* --------------------------------------------------------------------------------------------------------- role: dispatcher */

#define UNDER_WAY(c_) (chunk[c_].fate == assigned || chunk[c_].fate == rendered)
#define ALONE(w_) (chunk[c].suspect || chunk[place[w_].first - 1].suspect)
#define SUITS(w_) (place[w_].first == 0 || (place[w_].second == 0 && (!ALONE(w_) || MUTATION == NO_SUSPECTS)))
#define FITS(w_) (place[w_].standing == ready && SUITS(w_))

inline assign(w_) {
  chunk[c].fate = assigned; chunk[c].attempt++; ahead++;
  assert(chunk[c].attempt <= 2 * STRIKES + LOSSES + FAILING + DEATHS);                  /* L1 */
  if
  :: place[w_].first == 0 -> place[w_].first = c + 1
  :: else -> place[w_].second = c + 1
  fi;
  assert(nfull(work[w_]));
  work[w_] ! ChunkAssigned, c, chunk[c].attempt, (MUTATION == MIX && table != 0 -> table : chunk[c].motion)
}

/* Hands out the lowest that waits, as long as few enough are under way; the one that is to be written next always. */
inline hand_out() {
  for (c : 0 .. IN_ALL - 1) {
    if
    :: !stuck && chunk[c].fate == waits && (ahead < AHEAD || c == next || c > lowest) ->
       if
       :: FITS(0) -> assign(0)
#if RENDERERS > 1
       :: FITS(1) -> assign(1)
#endif
       :: else -> stuck = true        /* those after it wait, too */
       fi
    :: else
    fi
  }
}

/* What follows from an event: what can be written is, what waits is handed out, and the film ends if nothing is left. */
inline go_on() {
  for (c : 0 .. IN_ALL - 1) {
    if
    :: film != closed && writing == 0 && chunk[c].fate == rendered && (c == next || MUTATION == OUT_OF_ORDER) -> writing = c + 1
    :: else
    fi;
    if :: UNDER_WAY(c) && c < lowest -> ahead++ :: else fi
  };
  if :: film != closed -> hand_out() :: else fi;
  ahead = 0; stuck = false;
  for (c : 0 .. IN_ALL - 1) { if :: UNDER_WAY(c) || chunk[c].fate == waits -> ahead++ :: else fi };
  if
  :: film == ending && (ahead == 0 || MUTATION == END_EARLY) ->
     film = closed;
     if
     :: lowest < IN_ALL -> record(FilmFailed); failed = true; assert(video == lowest)   /* L2: what is before it is written */
     :: else
     fi
  :: else
  fi;
  ahead = 0; c = 0
}

/* What comes after a chunk that is given up is not going to be written. */
inline give_up(x_) {
  chunk[x_].fate = given_up;
  assert(x_ == poison || poison == IN_ALL || DEATHS + FAILURES + LOST > 0);             /* L2: rightly named */
  lowest = (x_ < lowest -> x_ : lowest);
  for (c : 0 .. IN_ALL - 1) { if :: c > lowest && chunk[c].fate == rendered -> chunk[c].fate = dropped :: else fi };
  c = 0
}

inline strike(x_) {
  chunk[x_].strikes = chunk[x_].strikes + (MUTATION == NO_STRIKES -> 0 : 1);
  if
  :: chunk[x_].strikes == STRIKES -> give_up(x_)
  :: else -> chunk[x_].fate = waits
  fi
}

/* A renderer is no more: what is queued with it is not to blame, and waits again. */
inline clear(w_) {
  if :: place[w_].first != 0 -> chunk[place[w_].first - 1].fate = waits :: else fi;
  if :: place[w_].second != 0 && MUTATION != FORGET_HELD -> chunk[place[w_].second - 1].fate = waits :: else fi;
  place[w_].first = 0; place[w_].second = 0; place[w_].failures = 0
}

/* Another renderer takes its place, or none does. */
inline replace(w_) {
  if
  :: place[w_].standing = starting
  :: place[w_].standing = absent; places--
  fi
}

#define HOLDS (place[w].first == x + 1 || place[w].second == x + 1)
#define STANDS (HOLDS && (chunk[x].attempt == attempt || MUTATION == LATE_COUNTS))

inline answer() {
  if
  :: STANDS ->
     assert(chunk[x].attempt == attempt);                             /* S5: an answer counts for its own attempt */
     if
     :: place[w].first == x + 1 -> place[w].first = place[w].second
     :: else -> sight("Overtaken\n")
     fi;
     place[w].second = 0;
     chunk[x].suspect = false;
     if
     :: kind == ChunkRendered -> /* on: ChunkRendered */
        if :: attempt > 1 -> sight("RenderedAgain\n") :: else fi;
        place[w].failures = 0;
        if
        :: x > lowest -> sight("DroppedBehind\n"); chunk[x].fate = dropped
        :: else -> chunk[x].fate = rendered; chunk[x].frames = made
        fi
     :: kind == ChunkFailed -> /* on: ChunkFailed */
        strike(x);
        place[w].failures++;
        if
        :: place[w].failures == FAILING -> sight("Dismissed\n"); clear(w); renew(w); replace(w)
        :: else
        fi
     fi
  :: else ->                          /* S5: it was answered, or stands no more */
     sight("LateAnswer\n");
     if :: MUTATION == WRITE_TWICE && kind == ChunkRendered && chunk[x].fate == written -> writing = x + 1 :: else fi
  fi
}

/* The dispatcher where it deals with one renderer. */
proctype Foreman(byte w) {
  mtype kind;
  byte x, attempt, c, ahead;
  int made;
  bool stuck;

end: do
  :: atomic {
       film != closed && nempty(done[w]) ->
       done[w] ? BODY;
       answer(); go_on();
       kind = 0; x = 0; attempt = 0; made = 0
     }
  :: atomic { /* on: Ready */
       film != closed && (place[w].standing == starting || place[w].standing == quiet) ->
       record(RendererChanged);
       place[w].standing = ready; go_on()
     }
  :: atomic { /* on: Quiet */
       film != closed && place[w].standing == ready && quiets > 0 ->
       record(RendererChanged); sight("Quiet\n");
       quiets--;
       place[w].standing = quiet
     }
  :: atomic { /* on: Gone */
       film != closed && place[w].standing == gone ->
       record(RendererChanged);
       x = place[w].first;
       if :: place[w].second != 0 -> chunk[place[w].second - 1].suspect = true :: else fi;
       clear(w);
       if :: x != 0 -> chunk[x - 1].suspect = true; strike(x - 1) :: else fi;  /* it worked on this, as far as one knows */
       replace(w); go_on();
       x = 0
     }
  od
}

/* The dispatcher where it deals with the film. */
proctype Dispatcher() {
  byte x, c, ahead;
  bool stuck;

end: do
  :: atomic { /* on: Merge */
       film == open && merged < beat ->
       for (c : 0 .. CHUNKS - 1) {
         chunk[merged * CHUNKS + c].fate = waits; chunk[merged * CHUNKS + c].motion = committed[merged]
       };
       merged++;
       record(Merged);
       film = (merged == BEATS -> ending : open);
       go_on()
     }
  :: atomic { /* on: Written */
       film != closed && writing != 0 ->
       x = writing - 1;
       record(ChunkWritten);
       assert(x == video);                                            /* L2: each once, in order */
       assert(chunk[x].frames == committed[x / CHUNKS]);              /* S4 */
       if :: merged < BEATS -> sight("WrittenMeanwhile\n") :: else fi;
       chunk[x].fate = written; video++; next = x + 1; writing = 0;
       go_on();
       x = 0
     }
  :: atomic { /* on: Unable */
       film != closed && places == 0 -> record(FilmFailed); sight("NoRenderers\n"); film = closed; failed = true
     }
  :: atomic { /* on: Close */
       phase == closed && film != closed -> film = closed
     }
  od
}

/* The dispatcher where frames of a chunk cannot be reached any more. */
proctype Node(byte x) {
  byte c, ahead;
  bool stuck;

end: do
  :: atomic { /* on: FramesLost */
       film != closed && chunk[x].fate == rendered && lost > 0 ->
       lost--;
       record(ChunkLost);
       writing = (writing == x + 1 -> 0 : writing);
       chunk[x].fate = waits; chunk[x].frames = 0; chunk[x].losses++;
       if
       :: chunk[x].losses == LOSSES -> record(FilmFailed); sight("LostTooOften\n"); give_up(x); film = closed; failed = true
       :: else
       fi;
       go_on()
     }
  od
}

/* -------------------------------------------------------------------------------------------------------- role: coordinator */

proctype Coordinator() {
  byte w, c;

  record(FilmOpened); /* on: StageSet */
  do
  :: atomic { phase == gathering && table == 0 -> table = 2 * beat + 1 }   /* a vector is on the table */
  :: atomic { phase == gathering && table == 2 * beat + 1 -> table++ }     /* and another */
  :: atomic {
       phase == gathering && table != 0 ->
       committed[beat] = table; table = 0; beat++;
       phase = (beat == BEATS -> rendering : gathering)
     }
  :: atomic { /* on: Filmed */
       phase == rendering && film == closed && !failed ->
       assert(video == IN_ALL);       /* L2 */
       sight("AllWritten\n");
       phase = closed
     }
  :: atomic { /* on: FilmBroke */
       phase != closed && film == closed && failed ->
       if :: phase == gathering -> sight("BrokeMeanwhile\n") :: else fi;
       if :: lowest < IN_ALL && video == lowest -> sight("GivenUp\n") :: else fi;
       phase = closed
     }
  :: atomic { /* on: Stop */
       phase != closed && STOPS -> sight("Stopped\n"); phase = closed
     }
  :: atomic { /* on: Resume */ /* a video that is not finished is not kept: every commit is merged and rendered again */
       phase != closed && resumes > 0 ->
       resumes--;
       record(TakeResumed);
       if :: video > 0 -> sight("ResumedWriting\n") :: else fi;
       for (w : 0 .. RENDERERS - 1) {
         renew(w);
         do :: done[w] ? _, _, _, _ :: empty(done[w]) -> break od;
         place[w].standing = starting; place[w].first = 0; place[w].second = 0; place[w].failures = 0
       };
       for (c : 0 .. IN_ALL - 1) {
         chunk[c].fate = uncut; chunk[c].attempt = 0; chunk[c].strikes = 0; chunk[c].losses = 0; chunk[c].suspect = false;
         chunk[c].motion = 0; chunk[c].frames = 0
       };
       video = (MUTATION == KEEP_VIDEO -> video : 0);
       film = open; merged = 0; places = RENDERERS; next = 0; writing = 0; lowest = IN_ALL; failed = false;
       table = 0; w = 0; c = 0
     }
  :: phase == closed -> record(TakeClosed); break
  od
}

init {
  byte w;

  atomic {
    w = (POISON -> 0 : IN_ALL);
    do
    :: w < IN_ALL -> w++
    :: poison = w; break
    od;
    for (w : 0 .. RENDERERS - 1) { run Working(w); run Foreman(w); run Network(w) };
    w = 0;
#if LOST > 0
    for (w : 0 .. IN_ALL - 1) { run Node(w) };
#endif
    run Dispatcher();
    run Coordinator()
  }
}

ltl closes { <> (phase == closed) }   /* L1 */
