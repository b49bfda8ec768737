-- One row an object; the newest state only.
CREATE TABLE IF NOT EXISTS objects (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, namespace, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS objects_uid ON objects (uid);
-- What happened, in order: watches resume from here.
CREATE TABLE IF NOT EXISTS changes (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    body TEXT NOT NULL
);
-- The owners that objects name, by uid: whoever is the owner of something that is gone is found from here.
CREATE TABLE IF NOT EXISTS owners (
    uid TEXT NOT NULL,
    owner TEXT NOT NULL,
    PRIMARY KEY (uid, owner)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owners_owner ON owners (owner);
