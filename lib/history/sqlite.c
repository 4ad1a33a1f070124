#include "history/sqlite.h"

#include <stdio.h>

int
history_sqlite_rc(int r)
{
	switch (r & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return RC_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return RC_TEMP;
	case SQLITE_FULL:
		return RC_NOSPACE;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* not our tables */
		return RC_DAMAGED;
	default:
		return RC_IO;
	}
}

/* The folder is the root, or as good as that: paths stay as they are, and
 * nothing needs to be known of what is above. */
static int
full_path(sqlite3_vfs *v, const char *name, int room, char *out)
{
	(void)v;
	return snprintf(out, (size_t)room, "%s", name) < room ? SQLITE_OK
							      : SQLITE_CANTOPEN;
}

const char *
history_sqlite_vfs(void)
{
	static sqlite3_vfs vfs;

	if (vfs.zName != NULL)
		return vfs.zName;
	(void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	must(sqlite3_initialize() == SQLITE_OK);
	vfs = *sqlite3_vfs_find(NULL);
	vfs.zName = "history";
	vfs.pNext = NULL;
	vfs.xFullPathname = full_path;
	must(sqlite3_vfs_register(&vfs, 0) == SQLITE_OK);
	return vfs.zName;
}
