/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Questions to polkit, none of which is waited for: a polkitd that hangs delays those alone who
 * wait for its answer, and those not for ever. The subject is the caller's unique bus name, which
 * is never used again, so that what is authorised cannot become somebody else.
 */
#pragma once

#include <stdint.h>

#include "bus/peer.h"

enum bus_answer {
	BUS_ANSWER_NONE,           /* not asked, or not answered: what is all zeroes says no */
	BUS_ANSWER_YES,
	BUS_ANSWER_NO,
	BUS_ANSWER_DISMISSED,      /* by the user, in the authentication dialogue */
	BUS_ANSWER_NO_INTERACTION, /* an authentication would be needed, and is not possible */
	BUS_ANSWER_UNAVAILABLE,    /* no polkitd, or it failed */
	BUS_ANSWER_LATE,
	BUS_ANSWER_GONE,           /* the caller left the bus */
};
/* What it means, in words that can follow a colon; static. */
const char *bus_answer_to_text(enum bus_answer a);

/* The id of the action in the file of actions, "org.devlease1.NAME"; static. */
const char *bus_action_id(enum bus_action a);

struct bus;
struct bus_call;

/* How long an answer may take in all: longer where somebody may have to type a password. */
uint64_t bus_ask_deadline(const struct bus_call *call);

/* Called once for each question that was asked, never before bus_ask() returns. */
typedef void (*bus_answered_fn)(void *userdata, enum bus_answer answer);

/*
 * Asks whether the caller may do this. Interaction is permitted if the call permits it. details:
 * key, value, ..., NULL. deadline: CLOCK_MONOTONIC, microseconds. On failure answered is not
 * called. Nothing that is passed in is kept but userdata.
 */
int bus_ask(struct bus *b, const struct bus_call *call, enum bus_action action, char *const *details,
	uint64_t deadline, bus_answered_fn answered, void *userdata);
/* Forgets all questions, unanswered, when the bus ends. */
void bus_ask_done(struct bus *b);
