/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Patterns by key. A backslash is an ordinary character, since unit names hold them. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "policy/pattern.h"

#define HEX "0123456789abcdefABCDEF"
#define GLOB_CHARS "*?[]!-"
#define NAME_CHARS "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_."

static bool is_glob(const char *s)
{
	return strpbrk(s, "*?[]") != NULL;
}

static bool only(const char *s, const char *chars)
{
	return *s && s[strspn(s, chars)] == '\0';
}

const char *pattern_bracket_end(const char *s)
{
	s++;
	if (*s == '!' || *s == '^')
		s++;
	s = *s ? strchr(s + 1, ']') : NULL;
	return s ? s + 1 : NULL;
}

static bool brackets_closed(const char *s)
{
	while ((s = strchr(s, '[')) != NULL) {
		s = pattern_bracket_end(s);
		if (!s)
			return false;
	}
	return true;
}

static int take_text(struct condition *ret, enum match_key key, const char *text)
{
	struct condition c = {.key = key};

	c.kind = is_glob(text) ? CONDITION_GLOB : CONDITION_EXACT;
	if (c.kind == CONDITION_EXACT) {
		c.value = text_hash(text);
		c.mask = UINT32_MAX;
	}
	c.glob = glob_compile(text);
	if (strdup_to(&c.text, text) < 0)
		return -ENOMEM;
	*ret = c;
	return 0;
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = tolower((unsigned char)*s);
}

/* One half of VENDOR:DEVICE: four digits, "*", or a glob (-EAGAIN). */
static int parse_id_half(const char *s, uint32_t *ret_value, uint32_t *ret_mask)
{
	uint64_t v;

	if (streq(s, "*")) {
		*ret_value = *ret_mask = 0;
		return 0;
	}
	if (strlen(s) == 4 && only(s, HEX) && parse_hex(s, 0xffff, &v) >= 0) {
		*ret_value = v;
		*ret_mask = 0xffff;
		return 0;
	}
	return is_glob(s) && only(s, HEX GLOB_CHARS) ? -EAGAIN : -EINVAL;
}

static int parse_id(const char *word, struct condition *ret, const char **ret_problem)
{
	uint32_t vendor, device, vendor_mask, device_mask;
	char text[PATTERN_MAX + 1];
	char *colon;
	int r, s;

	strcpy(text, word);
	lower(text);
	colon = strchr(text, ':');
	*ret_problem = "expected VENDOR:DEVICE in four hex digits each, as 1b36:0010 or 8086:*";
	if (!colon)
		return -EINVAL;
	*colon = '\0';
	r = parse_id_half(text, &vendor, &vendor_mask);
	s = parse_id_half(colon + 1, &device, &device_mask);
	if (r == -EINVAL || s == -EINVAL)
		return -EINVAL;
	*colon = ':';
	if (take_text(ret, MATCH_ID, text) < 0)
		return -ENOMEM;
	if (r == 0 && s == 0) {
		ret->kind = CONDITION_NUMBER;
		ret->value = vendor << 16 | device;
		ret->mask = vendor_mask << 16 | device_mask;
	}
	return 0;
}

static int parse_class(const char *word, struct condition *ret, const char **ret_problem)
{
	const char *digits = word[0] == '0' && (word[1] == 'x' || word[1] == 'X') ? word + 2 : word;
	char text[PATTERN_MAX + 1];
	size_t n = strlen(digits);
	uint64_t v;

	*ret_problem = "expected 2, 4 or 6 hex digits of the class code, as 0200, or a pattern";
	if (!only(digits, is_glob(digits) ? HEX GLOB_CHARS : HEX))
		return -EINVAL;
	if (!is_glob(digits) && n != 2 && n != 4 && n != 6)
		return -EINVAL;
	strcpy(text, digits);
	lower(text);
	if (take_text(ret, MATCH_CLASS, text) < 0)
		return -ENOMEM;
	if (ret->kind == CONDITION_EXACT && parse_hex(text, 0xffffff, &v) >= 0) {
		unsigned shift = 4 * (6 - n);

		ret->kind = CONDITION_NUMBER;
		ret->value = v << shift;
		ret->mask = 0xffffffU << shift & 0xffffffU;
	}
	return 0;
}

static int parse_numa_node(const char *word, struct condition *ret, const char **ret_problem)
{
	uint64_t v = UINT32_MAX; /* what the kernel writes as -1 */

	*ret_problem = "expected the number of a NUMA node, or -1 for devices without one";
	if (!streq(word, "-1") && (parse_u64(word, &v) < 0 || v > INT32_MAX))
		return -EINVAL;
	if (take_text(ret, MATCH_NUMA_NODE, word) < 0)
		return -ENOMEM;
	ret->kind = CONDITION_NUMBER;
	ret->value = v;
	ret->mask = UINT32_MAX;
	ret->glob = (struct glob){0}; /* no text is compared with it */
	return 0;
}

/* [DOMAIN:]BUS:DEVICE.FUNCTION in hex; ret has room for PATTERN_MAX + 1. */
static bool normalise_pci(const char *s, char *ret)
{
	unsigned domain = 0, bus, device, function;
	size_t n = strcspn(s, ":");
	int end = -1;

	/* sscanf would pass over blanks and signs */
	if (s[strspn(s, HEX ":.")])
		return false;
	if (strchr(s + n, ':') && strchr(s + n + 1, ':')) {
		if (n < 4 || n > 8 || sscanf(s, "%8x:", &domain) != 1)
			return false;
		s += n + 1;
	}
	if (strlen(s) != strlen("00:00.0") || s[2] != ':' || s[5] != '.')
		return false;
	if (sscanf(s, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3 || s[end])
		return false;
	if (device > 0x1f || function > 7)
		return false;
	snprintf(ret, PATTERN_MAX + 1, "%04x:%02x:%02x.%x", domain, bus, device, function);
	return true;
}

/* KIND:NAME. A kind begins with a letter: what begins with a digit is a mistyped PCI address. */
static bool is_other_address(const char *s)
{
	const char *colon = strchr(s, ':');

	if (!colon || !isalpha((unsigned char)s[0]) || colon[1] == '.')
		return false;
	return strspn(s, NAME_CHARS) == (size_t)(colon - s) && only(colon + 1, NAME_CHARS);
}

/* The pattern leaves the domain out: two characters' worth of bus, and one ':' in all. */
static bool is_short_glob(const char *s)
{
	for (int i = 0; i < 2; i++) {
		if (*s == '[')
			s = pattern_bracket_end(s);
		else if (*s && strchr(HEX "?", *s))
			s++;
		else
			return false;
	}
	return *s == ':' && !strchr(s + 1, ':');
}

static int parse_address(enum match_key key, const char *word, struct condition *ret,
	const char **ret_problem)
{
	bool pci_only = key == MATCH_PHYSICAL_FUNCTION;
	char text[PATTERN_MAX + sizeof("0000:")];

	if (!is_glob(word)) {
		*ret_problem = pci_only ? "expected a PCI address, as 0000:01:00.0"
					: "expected a PCI address, as 0000:01:00.0, or KIND:NAME";
		if (normalise_pci(word, text))
			return take_text(ret, key, text);
		if (pci_only || !is_other_address(word))
			return -EINVAL;
		return take_text(ret, key, word);
	}
	*ret_problem = "expected a pattern of addresses, as 0000:01:00.* or mdev:*";
	if (!only(word, NAME_CHARS GLOB_CHARS ":"))
		return -EINVAL;
	snprintf(text, sizeof(text), "%s%s", is_short_glob(word) ? "0000:" : "", word);
	if (strlen(text) > PATTERN_MAX)
		return -EINVAL;
	if (only(text, HEX GLOB_CHARS ":."))
		lower(text);
	return take_text(ret, key, text);
}

static int parse_driver(const char *word, struct condition *ret, const char **ret_problem)
{
	*ret_problem = "expected the name of a driver, as e1000e, or a pattern";
	for (const char *s = word; *s; s++)
		if (!isgraph((unsigned char)*s) || *s == '/')
			return -EINVAL;
	if (*word == '#' || *word == ';')
		return -EINVAL;
	return take_text(ret, MATCH_CURRENT_DRIVER, word);
}

static int parse_unit(const char *word, struct condition *ret, const char **ret_problem)
{
	/* the types of unit that have a control group */
	static const char *const types[] = {
		".service", ".scope", ".slice", ".socket", ".mount", ".swap",
	};
	size_t n = strlen(word);
	bool typed = is_glob(word);

	*ret_problem = "expected a system unit with its type, as spdk.service, or a pattern";
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		typed |= n > strlen(types[i]) && streq(word + n - strlen(types[i]), types[i]);
	if (!typed || !only(word, NAME_CHARS GLOB_CHARS ":@\\"))
		return -EINVAL;
	return take_text(ret, MATCH_UNIT, word);
}

int pattern_parse(enum match_key key, const char *word, struct condition *ret,
	const char **ret_problem)
{
	if (strlen(word) > PATTERN_MAX) {
		*ret_problem = "longer than 127 bytes";
		return -EINVAL;
	}
	/* At the end of a line it would be an attempt to continue that. */
	if (*word && word[strlen(word) - 1] == '\\') {
		*ret_problem = "ends in a backslash";
		return -EINVAL;
	}
	if (!brackets_closed(word)) {
		*ret_problem = "a '[' is never closed";
		return -EINVAL;
	}
	switch (key) {
	case MATCH_ID:
		return parse_id(word, ret, ret_problem);
	case MATCH_CLASS:
		return parse_class(word, ret, ret_problem);
	case MATCH_NUMA_NODE:
		return parse_numa_node(word, ret, ret_problem);
	case MATCH_DEVICE:
	case MATCH_PHYSICAL_FUNCTION:
		return parse_address(key, word, ret, ret_problem);
	case MATCH_CURRENT_DRIVER:
		return parse_driver(word, ret, ret_problem);
	case MATCH_UNIT:
		return parse_unit(word, ret, ret_problem);
	case MATCH_USER:
	case MATCH_GROUP:
	case MATCH_KEY_N:
		break;
	}
	*ret_problem = "not a pattern";
	return -EINVAL;
}
