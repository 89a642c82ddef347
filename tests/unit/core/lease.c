/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lease's life: the paths that are meant, and what no path may do. */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/text.h"
#include "core/lease.h"

struct path {
	const char *name;
	enum lease_event events[16];
	size_t n;
	enum lease_state end;
};

#define E(x) LEASE_EVENT_##x
#define PATH(...)                                                                                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	},                                                                                         \
		sizeof((enum lease_event[]){__VA_ARGS__}) / sizeof(enum lease_event)

static const struct path paths[] = {
	{"refused after asking", PATH(E(REFUSE)), LEASE_ENDED},
	{"the caller left while it waited", PATH(E(RELEASE)), LEASE_ENDED},
	{"a step failed", PATH(E(PREPARE), E(FAIL), E(REBOUND)), LEASE_ENDED},
	{"attached, to the end",
		PATH(E(PREPARE), E(GRANT), E(RELEASE), E(CUT), E(FREE), E(RESET), E(REBOUND)),
		LEASE_ENDED},
	{"opened, to the end",
		PATH(E(PREPARE), E(GRANT), E(RELEASE), E(CUT), E(UNBIND), E(UNBOUND), E(RESET),
			E(REBOUND)),
		LEASE_ENDED},
	{"revoked", PATH(E(PREPARE), E(GRANT), E(REVOKE), E(RELEASE)), LEASE_CUTTING},
	{"the caller left while it was prepared", PATH(E(PREPARE), E(RELEASE)), LEASE_CUTTING},
	{"a restart while it was prepared", PATH(E(PREPARE), E(RESTART)), LEASE_CUTTING},
	{"a restart of an active lease", PATH(E(PREPARE), E(GRANT), E(RESTART)), LEASE_ACTIVE},
	{"fds were lost, then all",
		PATH(E(PREPARE), E(GRANT), E(RESTART), E(FDS_LOST), E(DETACH)), LEASE_DETACHED},
	{"a restart before the reset: the proof again",
		PATH(E(PREPARE), E(GRANT), E(RELEASE), E(CUT), E(FREE), E(RESTART)), LEASE_WAITING},
	{"a restart in the unbind: the proof again",
		PATH(E(PREPARE), E(GRANT), E(RELEASE), E(CUT), E(UNBIND), E(RESTART)),
		LEASE_WAITING},
	{"an unbind hangs",
		PATH(E(PREPARE), E(GRANT), E(RELEASE), E(CUT), E(UNBIND), E(STUCK)), LEASE_LOST},
	{"and comes back",
		PATH(E(PREPARE), E(GRANT), E(RELEASE), E(CUT), E(UNBIND), E(STUCK), E(REBOUND)),
		LEASE_ENDED},
};

Test(lease, paths)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int state = LEASE_REQUESTED;

		for (size_t k = 0; k < paths[i].n && state >= 0; k++)
			state = lease_state_next(state, paths[i].events[k]);
		cr_expect_eq(state, (int)paths[i].end, "%s: %d", paths[i].name, state);
	}
}

Test(lease, nothing_follows_the_end)
{
	for (int e = 0; e < LEASE_EVENT_N; e++)
		cr_expect_eq(lease_state_next(LEASE_ENDED, e), -EINVAL);
	cr_expect_eq(lease_state_next(LEASE_STATE_N, LEASE_EVENT_RELEASE), -EINVAL);
	cr_expect_eq(lease_state_next(LEASE_ACTIVE, LEASE_EVENT_N), -EINVAL);
}

/* No way back from the end to a grant, and a reset only from the proof. */
Test(lease, order_of_the_end)
{
	for (int s = 0; s < LEASE_STATE_N; s++)
		for (int e = 0; e < LEASE_EVENT_N; e++) {
			int next = lease_state_next(s, e);

			if (next < 0)
				continue;
			if (lease_state_is_ending(s) || s == LEASE_LOST)
				cr_expect(!lease_state_is_granted(next), "%s, %s",
					lease_state_to_string(s), lease_event_to_string(e));
			if (next == LEASE_RESETTING)
				cr_expect(s == LEASE_WAITING || s == LEASE_UNBINDING);
			if (next == LEASE_REBINDING && s != LEASE_REBINDING)
				cr_expect(s == LEASE_RESETTING || s == LEASE_PREPARING);
			if (lease_state_is_granted(s))
				cr_expect_neq(next, (int)LEASE_ENDED);
		}
}

/* Every state but the end can be left, and be reached. */
Test(lease, no_dead_end)
{
	bool reached[LEASE_STATE_N] = {[LEASE_REQUESTED] = true};

	for (int s = 0; s < LEASE_STATE_N; s++) {
		bool left = false;

		for (int e = 0; e < LEASE_EVENT_N; e++) {
			int next = lease_state_next(s, e);

			left |= next >= 0 && next != s;
			if (next >= 0 && next != s)
				reached[next] = true;
		}
		cr_expect_eq(left, s != LEASE_ENDED, "%s", lease_state_to_string(s));
	}
	for (int s = 0; s < LEASE_STATE_N; s++)
		cr_expect(reached[s], "%s", lease_state_to_string(s));
}

Test(lease, names)
{
	const char *public[] = {"active", "revoking", "releasing", "degraded", "detached", "lost"};
	size_t seen = 0;

	for (int s = 0; s < LEASE_STATE_N; s++) {
		const char *shown = lease_state_to_public(s);
		bool known = !shown;

		cr_expect_eq(lease_state_from_string(lease_state_to_string(s)), s);
		for (size_t i = 0; i < ARRAY_SIZE(public); i++)
			known |= streq(shown, public[i]);
		cr_expect(known, "%s", shown);
		cr_expect_eq(streq(shown, "releasing"), lease_state_is_ending(s));
	}
	for (size_t i = 0; i < ARRAY_SIZE(public); i++)
		for (int s = 0; s < LEASE_STATE_N; s++)
			if (streq(lease_state_to_public(s), public[i])) {
				seen++;
				break;
			}
	cr_expect_eq(seen, ARRAY_SIZE(public));
	for (int e = 0; e < LEASE_EVENT_N; e++)
		cr_expect_not_null(lease_event_to_string(e));
	cr_expect_null(lease_state_to_string(LEASE_STATE_N));
	cr_expect_null(lease_event_to_string(LEASE_EVENT_N));
	cr_expect_eq(lease_state_from_string("nonsense"), -EINVAL);
	cr_expect_eq(lease_state_from_string(NULL), -EINVAL);
}
