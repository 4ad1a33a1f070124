#include "imap/transfer/mh.h"

#include "base/be.h"

#define NUMBER_MAX 999999999u

const char *const mh_marks[2] = {".claws_mark", ".sylpheed_mark"};

bool
mh_is_mark(struct sv name)
{
	static const char *const marks[] = {MH_SEQUENCES, ".sylpheed_mark",
	    ".claws_mark", ".sylpheed_cache", ".claws_cache", ".xmhcache",
	    ".overview", ".mew-summary", ".mew-cache", "cyrus.header",
	    "cyrus.index", "cyrus.cache"};
	size_t i;

	for (i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (sv_eq(name, sv_str(marks[i])))
			return true;
	return false;
}

/* 0: it is not the name of a message. */
static uint64_t
number_of(struct sv name)
{
	uint64_t n;

	if (sv_ends(name, SV(".")))
		name.n--;
	return sv_to_u64(name, NUMBER_MAX, &n) == RC_OK ? n : 0;
}

bool
mh_is_message(struct sv name)
{
	return number_of(name) > 0;
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
	uint64_t number = number_of(name);
	bool unseen = false;

	if (number == 0)
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

#define MARK_VERSION 2
#define MARK_UNREAD  0x02u

static uint32_t
word(struct sv marks, size_t at, bool big)
{
	const unsigned char *p = (const unsigned char *)marks.p + at;

	return big ? be_get32(p)
		   : (uint32_t)p[0] | (uint32_t)p[1] << 8 |
			 (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void
mh_mark_flags(struct sv marks, struct sv name, struct buf *out)
{
	static const struct {
		uint32_t bit;
		const char *flag;
	} bits[] = {{0x04, "\\Flagged"}, {0x08, "\\Deleted"},
	    {0x10, "\\Answered"}, {0x20, "$Forwarded"}};
	uint64_t number = number_of(name);
	uint32_t flags = MARK_UNREAD;
	size_t i;
	bool big;

	if (marks.n < 4 || number == 0)
		return;
	big = word(marks, 0, true) == MARK_VERSION;
	if (!big && word(marks, 0, false) != MARK_VERSION)
		return;
	for (i = 4; i + 8 <= marks.n; i += 8)
		if (word(marks, i, big) == number)
			flags = word(marks, i + 4, big);
	if ((flags & MARK_UNREAD) == 0)
		add(out, "\\Seen");
	for (i = 0; i < sizeof bits / sizeof bits[0]; i++)
		if ((flags & bits[i].bit) != 0)
			add(out, bits[i].flag);
}
