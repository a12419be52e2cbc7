/*
 * One direction of a link and its acknowledgements, in Promela, over a wire that loses, repeats and reorders: the links of
 * docs/protocol.md stated a second time, without the code of protocol/link.py.
 *
 * It has to give what negotiation.pml takes for granted. Of each epoch the receiver takes a first part of what was sent, in
 * order and each once (S5); and all of it, sooner or later, of an epoch that lasts (L1: `arrives`, if everybody who can go on
 * does so at last).
 *
 * Abstracted: what is said is its place among what its epoch says, counted from 1. A wire that is full loses what is put on it.
 * An epoch stands for an incarnation: the first message of a newer one makes the receiver leave the one before.
 *
 * Sizes, each to be set with -D:
 *
 *   LENGTH   messages of an epoch          REPEATS   messages and acknowledgements that come twice
 *   EPOCHS   that follow each other        SWAPS     that all others under way overtake
 *   LOSSES   that are lost                 WIRE      most that are under way each way
 *
 * -DMUTATION=NAME puts a fault into the link, which has to be found.
 */
#ifndef LENGTH
#error "the sizes have to be set, see above"
#endif
/* mutations */
#define NONE 0
#define NEW_NUMBER 1                  /* what is sent again gets a number of its own */
#define NO_DEDUPE 2                   /* what was taken before is taken again */
#define NO_ORDER 3                    /* what comes before its turn is taken */
#define ACK_HIGHEST 4                 /* the highest number is acknowledged, whatever is missing before it */
#define ACK_ANY_EPOCH 5               /* an acknowledgement counts whatever epoch it is of */
#define NO_RESEND 6                   /* what is lost is not sent again */
#ifndef MUTATION
#define MUTATION NONE
#endif

/* What has to be reachable. A search says which of these lines it has never come by. */
#define sight(what) printf(what)

chan wire = [WIRE] of { byte, byte, byte };                           /* epoch, number, what is said */
chan back = [WIRE] of { byte, byte };                                 /* epoch, highest number that has come without a gap */
byte epoch = 1, sent, acknowledged;   /* of the sender */
byte epoch_there = 1, next = 1;       /* of the receiver: its epoch, the number that it awaits */
byte taken;                           /* how many it has taken of its epoch, whatever it counts */
byte losses = LOSSES, repeats = REPEATS, swaps = SWAPS;
byte shift;                           /* how far numbers are off, with NEW_NUMBER */

inline put(number_, said_) {
  if
  :: nfull(wire) -> wire ! epoch, number_, said_
  :: full(wire) -> sight("WireFull\n")
  fi
}

proctype Sender() {
end: do
  :: atomic { sent < LENGTH -> sent++; put(sent + shift, sent) }
  :: atomic { epoch < EPOCHS -> epoch++; sent = 0; acknowledged = 0 }
  od
}

proctype Timer() {
  byte n;

end: do
  :: atomic {
       acknowledged < sent && nfull(wire) && MUTATION != NO_RESEND ->
       shift = (MUTATION == NEW_NUMBER -> shift + 1 : 0);
       for (n : acknowledged + 1 .. sent) { put(n + shift, n) };
       n = 0
     }
  od
}

proctype Acknowledged() {
  byte e, n;

end: do
  :: atomic {
       back ? e, n ->
       if
       :: (e == epoch || MUTATION == ACK_ANY_EPOCH) && n > acknowledged && n <= sent -> acknowledged = n
       :: else -> sight("OldAcknowledgement\n")
       fi;
       assert(epoch != epoch_there || acknowledged <= taken);         /* nothing is forgotten that was not taken */
       assert(epoch == epoch_there || acknowledged == 0);
       e = 0; n = 0
     }
  od
}

proctype Receiver() {
  byte e, n, said;

end: do
  :: atomic {
       wire ? e, n, said ->
       if
       :: e > epoch_there && n == 1 -> epoch_there = e; next = 2; taken = 1
       :: e == epoch_there && n == next -> next++; taken++; assert(said == taken)       /* S5 */
       :: MUTATION == NO_DEDUPE && e == epoch_there && n < next -> taken++; assert(said == taken)
       :: MUTATION == NO_ORDER && e == epoch_there && n > next -> next = n + 1; taken++; assert(said == taken)
       :: MUTATION != NO_DEDUPE && e == epoch_there && n < next -> sight("TakenBefore\n")
       :: MUTATION != NO_ORDER && e == epoch_there && n > next -> sight("BeforeItsTurn\n")
       :: e < epoch_there -> sight("OldEpoch\n")
       :: e > epoch_there && n != 1 -> sight("NewEpochBeforeItsTurn\n")
       fi;
       n = (MUTATION == ACK_HIGHEST && e == epoch_there && n >= next -> n : next - 1);
       if :: nfull(back) -> back ! epoch_there, n :: full(back) fi;
       e = 0; n = 0; said = 0
     }
  od
}

/* What a network does. */
proctype Network() {
  byte e, n, said;

end: do
  :: atomic { losses > 0 && nempty(wire) -> losses--; wire ? e, n, said; e = 0; n = 0; said = 0 }
  :: atomic { losses > 0 && nempty(back) -> losses--; back ? e, n; e = 0; n = 0 }
  :: atomic {
       repeats > 0 && nempty(wire) && nfull(wire) ->
       repeats--; wire ? <e, n, said>; wire ! e, n, said;
       e = 0; n = 0; said = 0
     }
  :: atomic { repeats > 0 && nempty(back) && nfull(back) -> repeats--; back ? <e, n>; back ! e, n; e = 0; n = 0 }
  :: atomic { swaps > 0 && len(wire) > 1 -> swaps--; wire ? e, n, said; wire ! e, n, said; e = 0; n = 0; said = 0 }
  :: atomic { swaps > 0 && len(back) > 1 -> swaps--; back ? e, n; back ! e, n; e = 0; n = 0 }
  od
}

init {
  atomic {
    run Sender(); run Timer(); run Acknowledged(); run Receiver(); run Network()
  }
}

ltl arrives { <> (epoch == EPOCHS && epoch_there == EPOCHS && taken == LENGTH) }
