#include "imap/transfer/mh.h"

#define NUMBER_MAX 999999999u

bool
mh_is_mark(struct sv name)
{
	return sv_eq(name, SV(MH_SEQUENCES)) ||
	       sv_eq(name, SV(".sylpheed_mark")) ||
	       sv_eq(name, SV(".claws_mark")) || sv_eq(name, SV(".xmhcache"));
}

bool
mh_is_message(struct sv name)
{
	uint64_t n;

	return sv_to_u64(name, NUMBER_MAX, &n) == RC_OK && n > 0;
}

/* Is the number in "1 3-5"? */
static bool
is_in(struct sv ranges, uint64_t number)
{
	while (ranges.n > 0) {
		struct sv to = sv_split(&ranges, ' '), from;
		uint64_t a, b;

		from = sv_split(&to, '-');
		if (sv_to_u64(from, NUMBER_MAX, &a) != RC_OK)
			continue;
		if (to.p == NULL)
			b = a;
		else if (sv_to_u64(to, NUMBER_MAX, &b) != RC_OK)
			continue;
		if (number >= a && number <= b)
			return true;
	}
	return false;
}

static void
add(struct buf *out, const char *flag)
{
	if (out->n > 0)
		buf_addc(out, ' ');
	buf_adds(out, flag);
}

void
mh_flags(struct sv sequences, struct sv name, struct buf *out)
{
	bool unseen = false;
	uint64_t number;

	if (sv_to_u64(name, NUMBER_MAX, &number) != RC_OK)
		return;
	while (sequences.n > 0) {
		struct sv line = sv_split(&sequences, '\n');
		struct sv key = sv_split(&line, ':');

		if (!is_in(sv_trim(line), number))
			continue;
		if (sv_eq(key, SV("unseen")))
			unseen = true;
		else if (sv_eq(key, SV("replied")))
			add(out, "\\Answered");
		else if (sv_eq(key, SV("flagged")))
			add(out, "\\Flagged");
	}
	if (!unseen)
		add(out, "\\Seen");
}
