#include "report/text.h"

#include "base/be.h"
#include "base/utf8.h"

#define MARK 0xfeffu

bool
report_text_is_utf16(struct sv s)
{
	return sv_starts(s, SV("\xfe\xff")) || sv_starts(s, SV("\xff\xfe")) ||
	       (s.n > 1 && (s.p[0] == '\0') != (s.p[1] == '\0'));
}

struct sv
report_text_begin(struct sv s)
{
	if (report_text_is_utf16(s))
		return s;
	for (;;) {
		if (sv_starts(s, SV("\xef\xbb\xbf")))
			s = sv_skip(s, 3);
		else if (s.n > 0 && (unsigned char)s.p[0] <= ' ')
			s = sv_skip(s, 1);
		else
			return s;
	}
}

static uint32_t
unit_at(struct sv s, size_t at, bool little)
{
	uint32_t v = be_get16(s.p + at);

	return little ? (v & 0xff) << 8 | v >> 8 : v;
}

void
report_text_from_utf16(struct sv s, struct buf *out)
{
	bool little = sv_starts(s, SV("\xff\xfe")) ||
		      (!sv_starts(s, SV("\xfe\xff")) && s.n > 0 && s.p[0]);
	uint32_t cp, low;
	size_t at;

	for (at = 0; at + 1 < s.n && buf_ok(out); at += 2) {
		cp = unit_at(s, at, little);
		low = at + 3 < s.n ? unit_at(s, at + 2, little) : 0;
		if (cp == MARK)
			continue;
		if (cp >= 0xd800 && cp < 0xdc00 && low >= 0xdc00 &&
		    low < 0xe000) {
			cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
			at += 2;
		} else if (cp >= 0xd800 && cp < 0xe000) {
			cp = 0xfffd;
		}
		utf8_put(out, cp);
	}
}
