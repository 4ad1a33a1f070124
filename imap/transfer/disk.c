#include "imap/transfer/disk.h"

#include "base/nfc.h"
#include "base/utf8.h"
#include "mime/mime.h"

void
disk_put_name(struct buf *out, struct sv entry)
{
	if (utf8_valid(entry))
		nfc_put(entry, out);
	else
		mime_to_utf8(SV("windows-1252"), entry, out);
}

void
disk_put_path(struct buf *out, struct sv path)
{
	bool first = true;

	for (; path.n > 0; first = false) {
		if (!first)
			buf_addc(out, '/');
		disk_put_name(out, sv_split(&path, '/'));
	}
}

bool
disk_ends(struct sv name, struct sv end)
{
	return name.n >= end.n && sv_ieq(sv_skip(name, name.n - end.n), end);
}

struct sv
disk_strip(struct sv entry)
{
	static const struct sv ends[] = {
	    {".mbox", 5}, {".sbd", 4}, {".mbx", 4}, {".fol", 4}};
	size_t i;

	for (i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (disk_ends(entry, ends[i]) && entry.n > ends[i].n)
			return sv_first(entry, entry.n - ends[i].n);
	return entry;
}

struct sv
disk_kmail(struct sv entry)
{
	const struct sv end = SV(".directory");

	if (entry.n < end.n + 2 || entry.p[0] != '.' || !sv_ends(entry, end))
		return SV("");
	return sv_first(sv_skip(entry, 1), entry.n - 1 - end.n);
}

bool
disk_has_dots(struct sv entry)
{
	return sv_istarts(entry, SV("INBOX.")) ||
	       sv_istarts(entry, SV("[Gmail].")) ||
	       sv_istarts(entry, SV("[Google Mail]."));
}
