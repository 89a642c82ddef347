/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of an acquire, by table. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/plan.h"
#include "machine.h"
#include "scenario.h"

struct plan_case {
	struct scenario scenario;
	const char *steps; /* "kind device-or-group" separated by "; " */
};

#define DRIVER(address) "override " address "; unbind " address "; probe " address "; "
#define BIND(address) "cdev-open " address "; cdev-bind " address "; "

static const struct plan_case cases[] = {
	{{"one device", .uid = 1000, .devices = SINGLE},
		DRIVER(SINGLE) "iommufd-open; " BIND(SINGLE) "ioas-alloc; cdev-attach " SINGLE
		"; confirm-reset-set " SINGLE},
	{{"on vfio already", .machine = SINGLE "=vfio-pci", .uid = 1000, .devices = SINGLE},
		"iommufd-open; " BIND(SINGLE) "ioas-alloc; cdev-attach " SINGLE
		"; confirm-reset-set " SINGLE},
	{{"on a variant driver, that could migrate", .machine = SINGLE "=mlx5_vfio_pci",
		.uid = 1000, .devices = SINGLE},
		DRIVER(SINGLE) "iommufd-open; " BIND(SINGLE) "ioas-alloc; cdev-attach " SINGLE
		"; confirm-reset-set " SINGLE},
	{{"split slot, the peer on a variant driver", .machine = SPLIT1 "=mlx5_vfio_pci",
		.uid = 1000, .devices = SPLIT0},
		DRIVER(SPLIT0) "iommufd-open; " BIND(SPLIT1) BIND(SPLIT0)
		"ioas-alloc; cdev-attach " SPLIT0 "; confirm-reset-set " SPLIT0},
	{{"of a VF there is nothing to confirm", .uid = 1000, .devices = VF0},
		DRIVER(VF0) "iommufd-open; cdev-open " VF0 "; cdev-bind " VF0
		"; ioas-alloc; cdev-attach " VF0},
	{{"nothing to confirm", .policy = RULE("ResetSet=function"), .uid = 1000,
		.devices = SINGLE_DMA},
		DRIVER(SINGLE_DMA) "iommufd-open; " BIND(SINGLE_DMA) "ioas-alloc; cdev-attach "
		SINGLE_DMA},
	{{"two devices", .uid = 1000, .devices = SINGLE_DMA " " SINGLE},
		DRIVER(SINGLE_DMA) DRIVER(SINGLE) "iommufd-open; " BIND(SINGLE_DMA) BIND(SINGLE)
		"ioas-alloc; cdev-attach " SINGLE_DMA "; cdev-attach " SINGLE
		"; confirm-reset-set " SINGLE_DMA "; confirm-reset-set " SINGLE},
	{{"split slot", .uid = 1000, .devices = SPLIT0},
		DRIVER(SPLIT0) DRIVER(SPLIT1) "iommufd-open; " BIND(SPLIT1) BIND(SPLIT0)
		"ioas-alloc; cdev-attach " SPLIT0 "; confirm-reset-set " SPLIT0},
	{{"split slot, the peer on vfio already", .machine = SPLIT1 "=vfio-pci", .uid = 1000,
		.devices = SPLIT0},
		DRIVER(SPLIT0) "iommufd-open; " BIND(SPLIT1) BIND(SPLIT0)
		"ioas-alloc; cdev-attach " SPLIT0 "; confirm-reset-set " SPLIT0},
	{{"one function of a slot", .uid = 1000, .devices = SLOT1},
		DRIVER(SLOT1) DRIVER(SLOT0) DRIVER(SLOT2) "iommufd-open; " BIND(SLOT1)
		"ioas-alloc; cdev-attach " SLOT1 "; confirm-reset-set " SLOT1},
	{{"group peers alone are left alone", .policy = RULE("ResetSet=function"), .uid = 1000,
		.devices = SLOT1},
		DRIVER(SLOT1) "iommufd-open; " BIND(SLOT1) "ioas-alloc; cdev-attach " SLOT1},
	{{"opened", .uid = 1000, .devices = SINGLE, .request = {.handover = HANDOVER_OPENED}},
		DRIVER(SINGLE) "iommufd-open; rlimit-mode; confirm-reset-set " SINGLE
		"; cdev-open " SINGLE},
	{{"opened, on vfio already", .machine = SPLIT0 "=vfio-pci " SPLIT1 "=vfio-pci",
		.uid = 1000, .devices = SPLIT0, .request = {.handover = HANDOVER_OPENED}},
		DRIVER(SPLIT0) "iommufd-open; rlimit-mode; " BIND(SPLIT1)
		"confirm-reset-set " SPLIT0 "; cdev-open " SPLIT0},
	{{"legacy", .uid = 1000, .machine = "-iommufd", .devices = SINGLE},
		DRIVER(SINGLE) "container-open; group-open 1; group-attach 1; "
		"group-device-open " SINGLE "; confirm-reset-set " SINGLE},
	{{"legacy, two of one group", .uid = 1000, .machine = "-iommufd",
		.devices = CONV_EDU " " CONV_E1000},
		DRIVER(CONV_EDU) DRIVER(CONV_E1000) "container-open; group-open 3; group-attach 3; "
		"group-device-open " CONV_EDU "; group-device-open " CONV_E1000
		"; confirm-reset-set " CONV_EDU "; confirm-reset-set " CONV_E1000},
	{{"legacy, split slot", .uid = 1000, .machine = "-iommufd", .devices = SPLIT1},
		DRIVER(SPLIT1) DRIVER(SPLIT0) "container-open; group-open 14; group-attach 14; "
		"group-open 13; group-attach 13; group-device-open " SPLIT1
		"; confirm-reset-set " SPLIT1},
	{{"legacy, a peer's group mate has no group of its own", .uid = 1000,
		.machine = "-iommufd", .devices = CHAIN0},
		DRIVER(CHAIN0) DRIVER(CHAIN1) "container-open; group-open 18; group-attach 18; "
		"group-open 19; group-attach 19; group-device-open " CHAIN0
		"; confirm-reset-set " CHAIN0},
	{{"legacy, the mate before the peer", .uid = 1000, .machine = "-iommufd", .devices = LOW0},
		DRIVER(LOW0) DRIVER(LOW1) "container-open; group-open 27; group-attach 27; "
		"group-open 28; group-attach 28; group-device-open " LOW0
		"; confirm-reset-set " LOW0},
	{{"the group of a mate stays closed", .uid = 1000, .machine = "-iommufd",
		.policy = RULE("ResetSet=function"), .devices = CHAIN1},
		DRIVER(CHAIN1) "container-open; group-open 19; group-attach 19; "
		"group-device-open " CHAIN1},
};

static char *plan_text(const struct plan *p, const struct decision *d)
{
	struct text t = {0};

	text_append(&t, "");
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_step *s = &p->steps[i];

		text_appendf(&t, "%s%s", i ? "; " : "", plan_step_to_string(s->kind));
		if (s->device != PLAN_NO_DEVICE)
			text_appendf(&t, " %s", d->devices[s->device].device->address);
		if (s->group != PLAN_NO_GROUP)
			text_appendf(&t, " %d", s->group);
	}
	return text_steal(&t);
}

Test(plan, steps)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_plan_free_ struct plan *p = NULL;
		_cleanup_free_ char *text = NULL;
		struct outcome o;

		scenario_run(&cases[i].scenario, &o);
		cr_assert_eq(plan_acquire(o.decision, &p), 0, "%s", cases[i].scenario.name);
		text = plan_text(p, o.decision);
		cr_expect(streq(text, cases[i].steps), "%s:\n%s\nexpected\n%s",
			cases[i].scenario.name, text, cases[i].steps);
		outcome_done(&o);
	}
}

Test(plan, none_without_a_grant)
{
	const struct scenario s = {"denied", .uid = 1000, .devices = NO_IOMMU};
	struct plan *p = (struct plan *)&s;
	struct outcome o;

	scenario_run(&s, &o);
	cr_expect_eq(plan_acquire(o.decision, &p), -EINVAL);
	cr_expect_eq((void *)p, (void *)&s, "touched on failure");
	outcome_done(&o);
}

Test(plan, none_for_what_this_version_lacks)
{
	const struct scenario s = {"granted", .uid = 1000, .devices = SINGLE};
	struct plan *p = NULL;
	struct outcome o;

	scenario_run(&s, &o);
	o.decision->handover = HANDOVER_GUARDED;
	cr_expect_eq(plan_acquire(o.decision, &p), -EOPNOTSUPP);
	o.decision->handover = HANDOVER_OPENED;
	o.decision->backend = BACKEND_LEGACY;
	cr_expect_eq(plan_acquire(o.decision, &p), -EOPNOTSUPP);
	cr_expect_null(p);
	outcome_done(&o);
}

Test(plan, names)
{
	for (int k = 0; k < STEP_KIND_N; k++)
		cr_expect_not_null(plan_step_to_string(k));
	cr_expect_null(plan_step_to_string(STEP_KIND_N));
}
