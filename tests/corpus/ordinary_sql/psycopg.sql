-- What a server was sent by psycopg 3.1.7: a bit of everything. Statements of the driver and of our own.
-- Each statement stands under the kinds it must have, and must be understood and not opaque.
--! transaction
BEGIN
--! select
SELECT
    typname AS name, oid, typarray AS array_oid,
    oid::regtype::text AS regtype, typdelim AS delimiter
FROM pg_type t
WHERE t.oid = $1::regtype
ORDER BY t.oid
--! transaction
COMMIT
--! select
SELECT
    t.typname AS name, t.oid AS oid, t.typarray AS array_oid,
    t.oid::regtype::text AS regtype,
    coalesce(a.fnames, '{}') AS field_names,
    coalesce(a.ftypes, '{}') AS field_types
FROM pg_type t
LEFT JOIN (
    SELECT
        attrelid,
        array_agg(attname) AS fnames,
        array_agg(atttypid) AS ftypes
    FROM (
        SELECT a.attrelid, a.attname, a.atttypid
        FROM pg_attribute a
        JOIN pg_type t ON t.typrelid = a.attrelid
        WHERE t.oid = $1::regtype
        AND a.attnum > 0
        AND NOT a.attisdropped
        ORDER BY a.attnum
    ) x
    GROUP BY attrelid
) a ON a.attrelid = t.typrelid
WHERE t.oid = $1::regtype
--! select
SELECT name, oid, array_oid, array_agg(label) AS labels
FROM (
    SELECT
        t.typname AS name, t.oid AS oid, t.typarray AS array_oid,
        e.enumlabel AS label
    FROM pg_type t
    LEFT JOIN  pg_enum e
    ON e.enumtypid = t.oid
    WHERE t.oid = $1::regtype
    ORDER BY e.enumsortorder
) x
GROUP BY name, oid, array_oid
--! select
SELECT t.typname AS name, t.oid AS oid, t.typarray AS array_oid,
    t.oid::regtype::text AS regtype,
    r.rngsubtype AS subtype_oid
FROM pg_type t
JOIN pg_range r ON t.oid = r.rngtypid
WHERE t.oid = $1::regtype
--! select
select $1::int, $2::text
--! select
select * from orders where id = any($1) and placed > $2
--! transaction
SAVEPOINT "_pg3_1"
--! transaction
SAVEPOINT "_pg3_2"
--! insert
insert into notes (body) values ($1) returning id
--! transaction
RELEASE "_pg3_2"
--! transaction
RELEASE "_pg3_1"
--! update
update notes set body=$1 where id=$2
--! copy-in
copy scratch (id, value) from stdin
--! select copy-out
copy (select * from orders) to stdout (format csv)
--! select declare
DECLARE "srv" SCROLL CURSOR WITH HOLD FOR select * from orders
--! fetch
FETCH FORWARD 3 FROM "srv"
--! fetch
MOVE 2 FROM "srv"
--! close
CLOSE "srv"
--! select
select 1
--! transaction
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE
--! select
select now(), current_user
--! transaction
ROLLBACK
--! deallocate
DEALLOCATE ALL
--! listen
listen ch
--! notify
notify ch, 'x'
