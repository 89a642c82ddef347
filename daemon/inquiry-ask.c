/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Access=ask: polkit is asked about each device whose rule wants it, one after the other, so that
 * no two password dialogues are open at once, all within one time limit. The answer counts for
 * what was shown, and that is compared with the decision made after the wait. Root is not asked
 * for: polkit authorises it always, and an administrator needs no polkitd to help.
 */
#include <errno.h>

#include "base/text.h"
#include "manager.h"

static void names(void *userdata, const struct device *d, const char **ret_vendor,
	const char **ret_model)
{
	inventory_names(userdata, d, ret_vendor, ret_model);
}

static int consent_of(const struct inquiry *i, const struct decision *d, struct consent **ret)
{
	struct consent_context context = {
		.policy_sha256 = i->manager->policy_sha256,
		.names = names,
		.userdata = i->manager,
		.for_other = i->uid != i->peer->uid,
		.uid = i->uid,
	};

	return consent_new(d, &context, ret);
}

static void on_answer(void *userdata, enum bus_answer answer);

static int ask_next(struct inquiry *i)
{
	return bus_ask(i->manager->bus, i->call, BUS_ACTION_ACQUIRE,
		i->consent->devices[i->authorised].details, i->deadline, on_answer, i);
}

static void on_answer(void *userdata, enum bus_answer answer)
{
	struct inquiry *i = userdata;

	i->answer = answer;
	if (answer == BUS_ANSWER_YES && ++i->authorised < i->consent->n) {
		if (ask_next(i) >= 0)
			return;
		i->answer = BUS_ANSWER_UNAVAILABLE;
	}
	inquiry_proceed(i);
}

bool inquiry_must_ask(const struct inquiry *i, const struct decision *d)
{
	return d->verdict == VERDICT_ASK && i->peer->uid != 0 && !i->consent;
}

int inquiry_ask(struct inquiry *i, const struct decision *d)
{
	int r = consent_of(i, d, &i->consent);

	if (r < 0)
		return r;
	i->deadline = bus_ask_deadline(i->call);
	return ask_next(i);
}

static enum code code_of_answer(enum bus_answer answer)
{
	switch (answer) {
	case BUS_ANSWER_NO_INTERACTION:
		return CODE_ACCESS_NO_INTERACTION;
	case BUS_ANSWER_UNAVAILABLE:
	case BUS_ANSWER_LATE:
		return CODE_ACCESS_NO_ANSWER;
	default:
		return CODE_ACCESS_NOT_AUTHORISED;
	}
}

int inquiry_judge(struct inquiry *i, struct decision *d)
{
	_cleanup_consent_free_ struct consent *now = NULL;
	const char *changed;
	int r;

	if (!i->consent || d->verdict == VERDICT_DENY)
		return 0;
	if (i->answer != BUS_ANSWER_YES)
		return decision_refuse(d, code_of_answer(i->answer),
			i->consent->devices[i->authorised].address,
			bus_answer_to_text(i->answer));
	r = consent_of(i, d, &now);
	if (r < 0)
		return r;
	changed = consent_changed(i->consent, now);
	if (changed)
		return decision_refuse(d, CODE_ACCESS_CHANGED, changed,
			"the policy or what polkit was told changed while it was asked");
	i->peer->authorised |= 1U << BUS_ACTION_ACQUIRE;
	return 0;
}
