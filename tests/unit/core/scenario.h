/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One decision of a table, and what must come of it. */
#pragma once

#include "core/decide.h"

struct scenario {
	const char *name;
	const char *machine;  /* changes, as machine_new() takes them */
	const char *policy;   /* NULL: ALLOW_ALL; or NO_POLICY */
	uid_t uid;
	const char *told;     /* the uid that asks for uid; NULL: uid itself */
	const char *devices;  /* blank separated; NULL: no list at all */
	struct request request;
	const char *claims;   /* "ADDRESS,KIND,LEASE,UID[,exclusive] ...": LEASE - for none */
	const char *uses;     /* "ADDRESS,CLASS,DETAIL ...", CLASS none: idle; NULL: not gathered */
	unsigned held_leases, held_devices;

	enum verdict verdict;
	enum refusal refusal;
	const char *refusals; /* every refusing code in order, blank separated; NULL: none */
	const char *also;     /* other codes that must be there; NULL: any */
	const char *says;     /* a part of some finding's text or help; NULL: any */
	const char *peers;    /* "ADDRESS:GRB ..." all of them; NULL: not looked at */
};

#define ALLOW_ALL "[Rule all]\nAccess=allow\nHandover=attached opened\n"
#define RULE(lines) "[Rule all]\nAccess=allow\n" lines "\n"

/* Decides; the caller frees everything but the strings in d that are borrowed from the others. */
struct outcome {
	struct topology *topology;
	struct policy *policy;
	struct decision *decision;
};
void scenario_run(const struct scenario *s, struct outcome *ret);
void outcome_done(struct outcome *o);
/* Compares with what is expected and fails the test. */
void scenario_check(const struct scenario *s, const struct outcome *o);

/* The tables. */
extern const struct scenario request_scenarios[], access_scenarios[], choice_scenarios[],
	claim_scenarios[], host_use_scenarios[], isolation_scenarios[], reset_scenarios[], sriov_scenarios[];
/* All of them, each ended by an entry without name; NULL at the end. */
extern const struct scenario *const all_scenarios[];
