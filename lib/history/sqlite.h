/* SQLite as the history uses it: inside its folder, without threads. */
#ifndef HISTORY_SQLITE_H
#define HISTORY_SQLITE_H

#include <sqlite3.h>

#include "base/rc.h"

/* RC_OK of what is one, a row too; RC_DAMAGED, RC_NOSPACE, RC_TEMP, RC_IO. */
int history_sqlite_rc(int r);
/* The name of what opens files, for sqlite3_open_v2; sets the library up. */
const char *history_sqlite_vfs(void);

#endif
