#include "imap/transfer/emlx.h"

int
emlx_head(struct sv start, size_t *off_out, uint64_t *size_out)
{
	struct sv line = sv_first(start, sv_chr(start, '\n'));

	if (line.n == start.n || line.n >= EMLX_HEAD_MAX)
		return RC_SYNTAX;
	*off_out = line.n + 1;
	return sv_to_u64(sv_trim(line), UINT32_MAX, size_out);
}

/* The number behind <key>NAME</key>; "<integer>5</integer>" or <real>. */
static bool
number_of(struct sv plist, struct sv key, uint64_t *out)
{
	size_t at = sv_find(plist, key);
	struct sv s = sv_trim(sv_skip(plist, at + key.n));

	if (at == plist.n)
		return false;
	if (!sv_starts(s, SV("<integer>")) && !sv_starts(s, SV("<real>")))
		return false;
	s = sv_skip(s, sv_chr(s, '>') + 1);
	return sv_take_u64(&s, INT64_MAX, out) == RC_OK;
}

void
emlx_plist(struct sv plist, struct buf *flags, int64_t *date_out)
{
	static const struct {
		unsigned bit;
		const char *flag;
	} bits[] = {{0, "\\Seen"}, {1, "\\Deleted"}, {2, "\\Answered"},
	    {4, "\\Flagged"}, {6, "\\Draft"}, {8, "$Forwarded"}};
	uint64_t v;
	size_t i;

	*date_out = 0;
	if (number_of(plist, SV("<key>date-received</key>"), &v) &&
	    v < UINT32_MAX)
		*date_out = (int64_t)v;
	if (!number_of(plist, SV("<key>flags</key>"), &v))
		return;
	for (i = 0; i < sizeof bits / sizeof bits[0]; i++)
		if ((v >> bits[i].bit & 1) != 0) {
			if (flags->n > 0)
				buf_addc(flags, ' ');
			buf_adds(flags, bits[i].flag);
		}
}
