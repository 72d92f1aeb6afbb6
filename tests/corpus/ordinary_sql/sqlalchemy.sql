-- What a server was sent by SQLAlchemy 1.4.46, its dialect suite over psycopg2. MIT.
-- Each statement stands under the kinds it must have, and must be understood and not opaque.
--! transaction
BEGIN
--! select
SELECT t.oid, typarray
FROM pg_type t JOIN pg_namespace ns
    ON typnamespace = ns.oid
WHERE typname = 'hstore';
--! transaction
ROLLBACK
--! select
select pg_catalog.version()
--! select
select current_schema()
--! show
show transaction isolation level
--! show
show standard_conforming_strings
--! select
select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where pg_catalog.pg_table_is_visible(c.oid) and relname='binary_table'
--! create

CREATE TABLE binary_table (
	id SERIAL NOT NULL, 
	binary_data BYTEA, 
	pickle_data BYTEA, 
	PRIMARY KEY (id)
)
--! transaction
COMMIT
--! insert
INSERT INTO binary_table (id, binary_data) VALUES (1, '\x746869732069732062696e617279'::bytea)
--! select
SELECT binary_table.binary_data 
FROM binary_table
--! delete
DELETE FROM binary_table
--! insert
INSERT INTO binary_table (id, pickle_data) VALUES (1, '\x80059521000000000000007d94288c03666f6f945d94284b014b024b03658c03626172948c0362617494752e'::bytea)
--! select
SELECT binary_table.pickle_data 
FROM binary_table
--! drop

DROP TABLE binary_table
--! create

CREATE TABLE boolean_table (
	id INTEGER NOT NULL, 
	value BOOLEAN, 
	unconstrained_value BOOLEAN, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO boolean_table (id, value, unconstrained_value) VALUES (1, NULL, NULL)
--! select
SELECT boolean_table.value, boolean_table.unconstrained_value 
FROM boolean_table
--! delete
DELETE FROM boolean_table
--! create

CREATE TABLE t (
	x BOOLEAN
)
--! insert
INSERT INTO t (x) VALUES (true)
--! insert
INSERT INTO t (x) VALUES (false)
--! select
SELECT t.x 
FROM t 
WHERE t.x = false
--! insert
INSERT INTO boolean_table (id, value, unconstrained_value) VALUES (1, true, false)
--! insert
INSERT INTO boolean_table (id, value, unconstrained_value) VALUES (1, true, true),(2, false, false)
--! select
SELECT boolean_table.id 
FROM boolean_table 
WHERE boolean_table.value
--! select
SELECT boolean_table.id 
FROM boolean_table 
WHERE boolean_table.unconstrained_value
--! select
SELECT boolean_table.id 
FROM boolean_table 
WHERE NOT boolean_table.value
--! select
SELECT boolean_table.id 
FROM boolean_table 
WHERE NOT boolean_table.unconstrained_value
--! drop

DROP TABLE boolean_table
--! create

CREATE TABLE t (
	x VARCHAR(50)
)
--! insert
INSERT INTO t (x) VALUES (CAST(1 AS VARCHAR(50))),(CAST(2 AS VARCHAR(50))),(CAST(3 AS VARCHAR(50)))
--! select
SELECT CAST(t.x AS INTEGER) AS x 
FROM t
--! select
SELECT CAST(t.x AS INTEGER) AS x 
FROM t 
WHERE t.x = CAST(2 AS VARCHAR(50))
--! create

CREATE TABLE some_table (
	id SERIAL NOT NULL, 
	data VARCHAR(100), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO some_table (id, data) VALUES (1, 'collate data1'),(2, 'collate data2')
--! delete
DELETE FROM some_table
--! drop

DROP TABLE some_table
--! create

CREATE TABLE t (
	a INTEGER, 
	b INTEGER NOT NULL
)
--! select

            SELECT c.oid
            FROM pg_catalog.pg_class c
            LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE (pg_catalog.pg_table_is_visible(c.oid))
            AND c.relname = 't' AND c.relkind in
            ('r', 'v', 'm', 'f', 'p')
--! select

            SELECT a.attname,
              pg_catalog.format_type(a.atttypid, a.atttypmod),
              (
                SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
                FROM pg_catalog.pg_attrdef d
                WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum
                AND a.atthasdef
              ) AS DEFAULT,
              a.attnotnull,
              a.attrelid as table_oid,
              pgd.description as comment,
              a.attgenerated as generated,
                              (SELECT json_build_object(
                    'always', a.attidentity = 'a',
                    'start', s.seqstart,
                    'increment', s.seqincrement,
                    'minvalue', s.seqmin,
                    'maxvalue', s.seqmax,
                    'cache', s.seqcache,
                    'cycle', s.seqcycle)
                FROM pg_catalog.pg_sequence s
                JOIN pg_catalog.pg_class c on s.seqrelid = c."oid"
                WHERE c.relkind = 'S'
                AND a.attidentity != ''
                AND s.seqrelid = pg_catalog.pg_get_serial_sequence(
                    a.attrelid::regclass::text, a.attname
                )::regclass::oid
                ) as identity_options                
            FROM pg_catalog.pg_attribute a
            LEFT JOIN pg_catalog.pg_description pgd ON (
                pgd.objoid = a.attrelid AND pgd.objsubid = a.attnum)
            WHERE a.attrelid = 16557
            AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attnum
--! select

            SELECT t.typname as "name",
               pg_catalog.format_type(t.typbasetype, t.typtypmod) as "attype",
               not t.typnotnull as "nullable",
               t.typdefault as "default",
               pg_catalog.pg_type_is_visible(t.oid) as "visible",
               n.nspname as "schema"
            FROM pg_catalog.pg_type t
               LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
            WHERE t.typtype = 'd'
--! select

            SELECT t.typname as "name",
               -- no enum defaults in 8.4 at least
               -- t.typdefault as "default",
               pg_catalog.pg_type_is_visible(t.oid) as "visible",
               n.nspname as "schema",
               e.enumlabel as "label"
            FROM pg_catalog.pg_type t
                 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
                 LEFT JOIN pg_catalog.pg_enum e ON t.oid = e.enumtypid
            WHERE t.typtype = 'e'
        ORDER BY "schema", "name", e.oid
--! create

CREATE TABLE t (
	t0 NUMERIC(18, 5)
)
--! create

CREATE TABLE t (
	t0 VARCHAR(52)
)
--! select
select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where n.nspname='test_schema' and relname='users'
--! create

CREATE TABLE users (
	user_id SERIAL NOT NULL, 
	test1 CHAR(5) NOT NULL, 
	test2 FLOAT(5) NOT NULL, 
	parent_user_id INTEGER, 
	PRIMARY KEY (user_id), 
	CONSTRAINT user_id_fk FOREIGN KEY(parent_user_id) REFERENCES users (user_id)
)
--! create
CREATE INDEX users_t_idx ON users (test1, test2)
--! create
CREATE INDEX users_all_idx ON users (user_id, test2, test1)
--! create

CREATE TABLE comment_test (
	id SERIAL NOT NULL, 
	data VARCHAR(20), 
	d2 VARCHAR(20), 
	PRIMARY KEY (id)
)
--! comment
COMMENT ON TABLE comment_test IS 'the test % '' " \ table comment'
--! comment
COMMENT ON COLUMN comment_test.id IS 'id comment'
--! comment
COMMENT ON COLUMN comment_test.data IS 'data % comment'
--! comment
COMMENT ON COLUMN comment_test.d2 IS 'Comment types type speedily '' " \ '''' Fun!'
--! create

CREATE TABLE noncol_idx_test_nopk (
	q VARCHAR(5)
)
--! create
CREATE INDEX noncol_idx_nopk ON noncol_idx_test_nopk (q DESC)
--! create

CREATE TABLE noncol_idx_test_pk (
	id SERIAL NOT NULL, 
	q VARCHAR(5), 
	PRIMARY KEY (id)
)
--! create
CREATE INDEX noncol_idx_pk ON noncol_idx_test_pk (q DESC)
--! create

CREATE TEMPORARY TABLE user_tmp_main (
	id SERIAL NOT NULL, 
	name VARCHAR(50), 
	foo INTEGER, 
	PRIMARY KEY (id), 
	CONSTRAINT user_tmp_uq_main UNIQUE (name)
)
--! create
CREATE INDEX user_tmp_ix ON user_tmp_main (foo)
--! create

CREATE TABLE test_schema.users (
	user_id SERIAL NOT NULL, 
	test1 CHAR(5) NOT NULL, 
	test2 FLOAT(5) NOT NULL, 
	parent_user_id INTEGER, 
	PRIMARY KEY (user_id), 
	CONSTRAINT user_id_fk FOREIGN KEY(parent_user_id) REFERENCES test_schema.users (user_id)
)
--! create
CREATE INDEX users_t_idx ON test_schema.users (test1, test2)
--! create
CREATE INDEX users_all_idx ON test_schema.users (user_id, test2, test1)
--! create

CREATE TABLE test_schema.comment_test (
	id SERIAL NOT NULL, 
	data VARCHAR(20), 
	d2 VARCHAR(20), 
	PRIMARY KEY (id)
)
--! comment
COMMENT ON TABLE test_schema.comment_test IS 'the test % '' " \ table comment'
--! comment
COMMENT ON COLUMN test_schema.comment_test.id IS 'id comment'
--! comment
COMMENT ON COLUMN test_schema.comment_test.data IS 'data % comment'
--! comment
COMMENT ON COLUMN test_schema.comment_test.d2 IS 'Comment types type speedily '' " \ '''' Fun!'
--! create

CREATE TABLE email_addresses (
	address_id SERIAL NOT NULL, 
	remote_user_id INTEGER, 
	email_address VARCHAR(20), 
	CONSTRAINT email_ad_pk PRIMARY KEY (address_id), 
	FOREIGN KEY(remote_user_id) REFERENCES users (user_id)
)
--! create

CREATE TABLE test_schema.email_addresses (
	address_id SERIAL NOT NULL, 
	remote_user_id INTEGER, 
	email_address VARCHAR(20), 
	CONSTRAINT email_ad_pk PRIMARY KEY (address_id), 
	FOREIGN KEY(remote_user_id) REFERENCES test_schema.users (user_id)
)
--! create

CREATE TABLE dingalings (
	dingaling_id SERIAL NOT NULL, 
	address_id INTEGER, 
	data VARCHAR(30), 
	PRIMARY KEY (dingaling_id), 
	FOREIGN KEY(address_id) REFERENCES email_addresses (address_id)
)
--! create

CREATE TABLE test_schema.dingalings (
	dingaling_id SERIAL NOT NULL, 
	address_id INTEGER, 
	data VARCHAR(30), 
	PRIMARY KEY (dingaling_id), 
	FOREIGN KEY(address_id) REFERENCES test_schema.email_addresses (address_id)
)
--! select

            SELECT c.oid
            FROM pg_catalog.pg_class c
            LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE (n.nspname = 'test_schema')
            AND c.relname = 'users' AND c.relkind in
            ('r', 'v', 'm', 'f', 'p')
--! select

          SELECT r.conname,
                pg_catalog.pg_get_constraintdef(r.oid, true) as condef,
                n.nspname as conschema
          FROM  pg_catalog.pg_constraint r,
                pg_namespace n,
                pg_class c

          WHERE r.conrelid = 16567 AND
                r.contype = 'f' AND
                c.oid = confrelid AND
                n.oid = c.relnamespace
          ORDER BY 1
--! select

              SELECT
                  i.relname as relname,
                  ix.indisunique, ix.indexprs,
                  a.attname, a.attnum, c.conrelid, ix.indkey::varchar,
                  ix.indoption::varchar, i.reloptions, am.amname,
                  pg_get_expr(ix.indpred, ix.indrelid),
                  ix.indnkeyatts as indnkeyatts
              FROM
                  pg_class t
                        join pg_index ix on t.oid = ix.indrelid
                        join pg_class i on i.oid = ix.indexrelid
                        left outer join
                            pg_attribute a
                            on t.oid = a.attrelid and a.attnum = ANY(ix.indkey)
                        left outer join
                            pg_constraint c
                            on (ix.indrelid = c.conrelid and
                                ix.indexrelid = c.conindid and
                                c.contype in ('p', 'u', 'x'))
                        left outer join
                            pg_am am
                            on i.relam = am.oid
              WHERE
                  t.relkind IN ('r', 'v', 'f', 'm', 'p')
                  and t.oid = 16567
                  and ix.indisprimary = 'f'
              ORDER BY
                  t.relname,
                  i.relname
--! select

                SELECT a.attname
                FROM pg_attribute a JOIN (
                    SELECT unnest(ix.indkey) attnum,
                           generate_subscripts(ix.indkey, 1) ord
                    FROM pg_index ix
                    WHERE ix.indrelid = 16587 AND ix.indisprimary
                    ) k ON a.attnum=k.attnum
                WHERE a.attrelid = 16587
                ORDER BY k.ord
--! select

        SELECT conname
           FROM  pg_catalog.pg_constraint r
           WHERE r.conrelid = 16587 AND r.contype = 'p'
           ORDER BY 1
--! select

            SELECT
                cons.conname as name,
                cons.conkey as key,
                a.attnum as col_num,
                a.attname as col_name
            FROM
                pg_catalog.pg_constraint cons
                join pg_attribute a
                  on cons.conrelid = a.attrelid AND
                    a.attnum = ANY(cons.conkey)
            WHERE
                cons.conrelid = 16587 AND
                cons.contype = 'u'
--! select

            SELECT
                cons.conname as name,
                pg_get_constraintdef(cons.oid) as src
            FROM
                pg_catalog.pg_constraint cons
            WHERE
                cons.conrelid = 16587 AND
                cons.contype = 'c'
--! select

            SELECT
                pgd.description as table_comment
            FROM
                pg_catalog.pg_description pgd
            WHERE
                pgd.objsubid = 0 AND
                pgd.objoid = 16587
--! select
SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY nspname
--! select
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('v', 'm')
--! create

CREATE TABLE testtbl (
	a VARCHAR(20), 
	b VARCHAR(30), 
	c INTEGER, 
	"asc" VARCHAR(30), 
	key VARCHAR(30), 
	CONSTRAINT "i have spaces" UNIQUE (c), 
	CONSTRAINT "i.have.dots" UNIQUE (b), 
	CONSTRAINT unique_a UNIQUE (a), 
	CONSTRAINT unique_a_b_c UNIQUE (a, b, c), 
	CONSTRAINT unique_asc_key UNIQUE ("asc", key), 
	CONSTRAINT unique_c_a_b UNIQUE (c, a, b)
)
--! create

CREATE TABLE test_schema.testtbl (
	a VARCHAR(20), 
	b VARCHAR(30), 
	c INTEGER, 
	"asc" VARCHAR(30), 
	key VARCHAR(30), 
	CONSTRAINT "i have spaces" UNIQUE (c), 
	CONSTRAINT "i.have.dots" UNIQUE (b), 
	CONSTRAINT unique_a UNIQUE (a), 
	CONSTRAINT unique_a_b_c UNIQUE (a, b, c), 
	CONSTRAINT unique_asc_key UNIQUE ("asc", key), 
	CONSTRAINT unique_c_a_b UNIQUE (c, a, b)
)
--! drop

DROP TABLE test_schema.dingalings
--! drop

DROP TABLE dingalings
--! drop

DROP TABLE test_schema.email_addresses
--! drop

DROP TABLE email_addresses
--! drop

DROP TABLE test_schema.comment_test
--! drop

DROP TABLE test_schema.users
--! drop

DROP TABLE noncol_idx_test_pk
--! drop

DROP TABLE noncol_idx_test_nopk
--! drop

DROP TABLE comment_test
--! drop

DROP TABLE users
--! create

CREATE TABLE tb1 (
	id INTEGER NOT NULL, 
	attr INTEGER NOT NULL, 
	name VARCHAR(20) NOT NULL, 
	CONSTRAINT pk_tb1 PRIMARY KEY (name, id, attr)
)
--! create

CREATE TABLE tb2 (
	id SERIAL NOT NULL, 
	pid INTEGER, 
	pattr INTEGER, 
	pname VARCHAR(20), 
	PRIMARY KEY (id), 
	CONSTRAINT fk_tb1_name_id_attr FOREIGN KEY(pname, pid, pattr) REFERENCES tb1 (name, id, attr)
)
--! delete
DELETE FROM tb2
--! delete
DELETE FROM tb1
--! drop

DROP TABLE tb2
--! drop

DROP TABLE tb1
--! create

CREATE TABLE some_table (
	id SERIAL NOT NULL, 
	x INTEGER, 
	y INTEGER, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO some_table (id, x, y) VALUES (1, 1, 2),(2, 2, 3),(3, 3, 4),(4, 4, 5)
--! select
SELECT DISTINCT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 2 UNION SELECT DISTINCT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 3 ORDER BY id 
 LIMIT 2
--! select
SELECT anon_1.id, anon_1.x, anon_1.y 
FROM (SELECT some_table.id AS id, some_table.x AS x, some_table.y AS y 
FROM some_table 
WHERE some_table.id = 2 ORDER BY some_table.id 
 LIMIT 1) AS anon_1 UNION SELECT anon_2.id, anon_2.x, anon_2.y 
FROM (SELECT some_table.id AS id, some_table.x AS x, some_table.y AS y 
FROM some_table 
WHERE some_table.id = 3 ORDER BY some_table.id 
 LIMIT 1) AS anon_2 ORDER BY id 
 LIMIT 2
--! select
SELECT anon_1.id, anon_1.x, anon_1.y 
FROM ((SELECT some_table.id AS id, some_table.x AS x, some_table.y AS y 
FROM some_table 
WHERE some_table.id = 2 ORDER BY some_table.id 
 LIMIT 1) UNION (SELECT some_table.id AS id, some_table.x AS x, some_table.y AS y 
FROM some_table 
WHERE some_table.id = 3 ORDER BY some_table.id 
 LIMIT 1)) AS anon_1 ORDER BY anon_1.id 
 LIMIT 2
--! select
(SELECT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 2 ORDER BY some_table.id 
 LIMIT 1) UNION (SELECT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 3 ORDER BY some_table.id 
 LIMIT 1) ORDER BY id 
 LIMIT 2
--! select
(SELECT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 2 ORDER BY some_table.id) UNION (SELECT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 3 ORDER BY some_table.id) ORDER BY id 
 LIMIT 2
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 2 UNION SELECT some_table.id, some_table.x, some_table.y 
FROM some_table 
WHERE some_table.id = 3 ORDER BY id
--! select
SELECT anon_1.id, anon_1.x, anon_1.y 
FROM (SELECT some_table.id AS id, some_table.x AS x, some_table.y AS y 
FROM some_table 
WHERE some_table.id = 2 UNION SELECT some_table.id AS id, some_table.x AS x, some_table.y AS y 
FROM some_table 
WHERE some_table.id = 3) AS anon_1 ORDER BY anon_1.id
--! create

CREATE TABLE date_table (
	id SERIAL NOT NULL, 
	date_data DATE, 
	decorated_date_data DATE, 
	PRIMARY KEY (id)
)
--! delete
DELETE FROM date_table
--! insert
INSERT INTO date_table (id, date_data) VALUES (1, NULL)
--! select
SELECT date_table.date_data 
FROM date_table
--! insert
INSERT INTO date_table (id, date_data) VALUES (1, '2012-10-15'::date)
--! select
SELECT date_table.id 
FROM date_table 
WHERE CASE WHEN (NULL IS NOT NULL) THEN NULL ELSE date_table.date_data END = date_table.date_data
--! insert
INSERT INTO date_table (id, decorated_date_data) VALUES (1, '2012-10-15'::date)
--! select
SELECT date_table.decorated_date_data 
FROM date_table
--! select
SELECT '2012-10-15'::date AS anon_1
--! drop

DROP TABLE date_table
--! insert
INSERT INTO date_table (id, date_data) VALUES (1, '2012-10-15T12:57:18'::timestamp)
--! insert
INSERT INTO date_table (id, decorated_date_data) VALUES (1, '2012-10-15T12:57:18'::timestamp)
--! select
SELECT '2012-10-15T12:57:18'::timestamp AS anon_1
--! create

CREATE TABLE date_table (
	id SERIAL NOT NULL, 
	date_data TIMESTAMP WITHOUT TIME ZONE, 
	decorated_date_data TIMESTAMP WITHOUT TIME ZONE, 
	PRIMARY KEY (id)
)
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"%percent" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "%percent") VALUES (1, 'some name')
--! select
SELECT t."%percent" 
FROM t 
WHERE t."%percent" = 'some name'
--! select
SELECT t."%percent" 
FROM t 
WHERE t."%percent" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"/slashes/" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "/slashes/") VALUES (1, 'some name')
--! select
SELECT t."/slashes/" 
FROM t 
WHERE t."/slashes/" = 'some name'
--! select
SELECT t."/slashes/" 
FROM t 
WHERE t."/slashes/" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"1col:on" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "1col:on") VALUES (1, 'some name')
--! select
SELECT t."1col:on" 
FROM t 
WHERE t."1col:on" = 'some name'
--! select
SELECT t."1col:on" 
FROM t 
WHERE t."1col:on" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"1param" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "1param") VALUES (1, 'some name')
--! select
SELECT t."1param" 
FROM t 
WHERE t."1param" = 'some name'
--! select
SELECT t."1param" 
FROM t 
WHERE t."1param" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"42numbers" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "42numbers") VALUES (1, 'some name')
--! select
SELECT t."42numbers" 
FROM t 
WHERE t."42numbers" = 'some name'
--! select
SELECT t."42numbers" 
FROM t 
WHERE t."42numbers" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"[BracketsAndCase]" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "[BracketsAndCase]") VALUES (1, 'some name')
--! select
SELECT t."[BracketsAndCase]" 
FROM t 
WHERE t."[BracketsAndCase]" = 'some name'
--! select
SELECT t."[BracketsAndCase]" 
FROM t 
WHERE t."[BracketsAndCase]" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	___name VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, ___name) VALUES (1, 'some name')
--! select
SELECT t.___name 
FROM t 
WHERE t.___name = 'some name'
--! select
SELECT t.___name 
FROM t 
WHERE t.___name IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	_name VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, _name) VALUES (1, 'some name')
--! select
SELECT t._name 
FROM t 
WHERE t._name = 'some name'
--! select
SELECT t._name 
FROM t 
WHERE t._name IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	_starts_with_underscore VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, _starts_with_underscore) VALUES (1, 'some name')
--! select
SELECT t._starts_with_underscore 
FROM t 
WHERE t._starts_with_underscore = 'some name'
--! select
SELECT t._starts_with_underscore 
FROM t 
WHERE t._starts_with_underscore IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	boring VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, boring) VALUES (1, 'some name')
--! select
SELECT t.boring 
FROM t 
WHERE t.boring = 'some name'
--! select
SELECT t.boring 
FROM t 
WHERE t.boring IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"col:ons" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "col:ons") VALUES (1, 'some name')
--! select
SELECT t."col:ons" 
FROM t 
WHERE t."col:ons" = 'some name'
--! select
SELECT t."col:ons" 
FROM t 
WHERE t."col:ons" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"dot.s" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "dot.s") VALUES (1, 'some name')
--! select
SELECT t."dot.s" 
FROM t 
WHERE t."dot.s" = 'some name'
--! select
SELECT t."dot.s" 
FROM t 
WHERE t."dot.s" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"has spaces" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "has spaces") VALUES (1, 'some name')
--! select
SELECT t."has spaces" 
FROM t 
WHERE t."has spaces" = 'some name'
--! select
SELECT t."has spaces" 
FROM t 
WHERE t."has spaces" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"more :: %colons%" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "more :: %colons%") VALUES (1, 'some name')
--! select
SELECT t."more :: %colons%" 
FROM t 
WHERE t."more :: %colons%" = 'some name'
--! select
SELECT t."more :: %colons%" 
FROM t 
WHERE t."more :: %colons%" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"more/slashes" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "more/slashes") VALUES (1, 'some name')
--! select
SELECT t."more/slashes" 
FROM t 
WHERE t."more/slashes" = 'some name'
--! select
SELECT t."more/slashes" 
FROM t 
WHERE t."more/slashes" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"par(ens)" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "par(ens)") VALUES (1, 'some name')
--! select
SELECT t."par(ens)" 
FROM t 
WHERE t."par(ens)" = 'some name'
--! select
SELECT t."par(ens)" 
FROM t 
WHERE t."par(ens)" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"per % cent" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "per % cent") VALUES (1, 'some name')
--! select
SELECT t."per % cent" 
FROM t 
WHERE t."per % cent" = 'some name'
--! select
SELECT t."per % cent" 
FROM t 
WHERE t."per % cent" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"per cent" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "per cent") VALUES (1, 'some name')
--! select
SELECT t."per cent" 
FROM t 
WHERE t."per cent" = 'some name'
--! select
SELECT t."per cent" 
FROM t 
WHERE t."per cent" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"percent%(ens)yah" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "percent%(ens)yah") VALUES (1, 'some name')
--! select
SELECT t."percent%(ens)yah" 
FROM t 
WHERE t."percent%(ens)yah" = 'some name'
--! select
SELECT t."percent%(ens)yah" 
FROM t 
WHERE t."percent%(ens)yah" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"percent%signs" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "percent%signs") VALUES (1, 'some name')
--! select
SELECT t."percent%signs" 
FROM t 
WHERE t."percent%signs" = 'some name'
--! select
SELECT t."percent%signs" 
FROM t 
WHERE t."percent%signs" IN ('some name', 'some other_name')
--! create

CREATE TABLE t (
	id SERIAL NOT NULL, 
	"q?marks" VARCHAR(50) NOT NULL, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO t (id, "q?marks") VALUES (1, 'some name')
--! select
SELECT t."q?marks" 
FROM t 
WHERE t."q?marks" = 'some name'
--! select
SELECT t."q?marks" 
FROM t 
WHERE t."q?marks" IN ('some name', 'some other_name')
--! create

CREATE TABLE mytable (
	myid INTEGER, 
	name VARCHAR(50), 
	"desc" VARCHAR(50)
)
--! insert
INSERT INTO mytable (myid, name, "desc") VALUES (1, 'a', 'a_desc'),(2, 'b', 'b_desc'),(3, 'c', 'c_desc'),(4, 'd', 'd_desc')
--! select
SELECT mytable.myid 
FROM mytable 
WHERE mytable.name = 'c'
--! select
SELECT mytable.myid 
FROM mytable 
WHERE mytable.name IN ('d', 'a') ORDER BY mytable.myid
--! create

CREATE TABLE t (
	data VARCHAR(50)
)
--! insert
INSERT INTO t (data) VALUES ('some % value')
--! select
SELECT t.data 
FROM t 
WHERE t.data = 'some % value'
--! drop

DROP TABLE t
--! create

CREATE TABLE manual_pk (
	id INTEGER NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! select
SELECT méil
--! delete
DELETE FROM manual_pk
--! insert
INSERT INTO manual_pk (id, data) VALUES (1, 'd1')
--! drop

DROP TABLE manual_pk
--! create

CREATE TABLE stuff (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO stuff (id, data) VALUES (1, 'some data'),(2, 'some data'),(3, 'some data'),(4, 'some other data')
--! select
SELECT 1 AS anon_1 
WHERE EXISTS (SELECT * 
FROM stuff 
WHERE stuff.data = 'some data')
--! delete
DELETE FROM stuff
--! drop

DROP TABLE stuff
--! create

CREATE TABLE some_table (
	id SERIAL NOT NULL, 
	x INTEGER, 
	y INTEGER, 
	z VARCHAR(50), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO some_table (id, x, y, z) VALUES (1, 1, 2, 'z1'),(2, 2, 3, 'z2'),(3, 3, 4, 'z3'),(4, 4, 5, 'z4')
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.x IN (2, 3, 4) ORDER BY some_table.id
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.x IN (NULL) AND (1 != 1) AND (some_table.id NOT IN (2, 3)) ORDER BY some_table.id
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.x IN (NULL) AND (1 != 1) ORDER BY some_table.id
--! select
SELECT some_table.id 
FROM some_table 
WHERE (some_table.x NOT IN (NULL) OR (1 = 1)) ORDER BY some_table.id
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.z IN (NULL) AND (1 != 1) ORDER BY some_table.id
--! select
SELECT some_table.id 
FROM some_table 
WHERE (some_table.z NOT IN (NULL) OR (1 = 1)) ORDER BY some_table.id
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.x IN (NULL) AND (1 != 1) AND some_table.y IN (NULL) AND (1 != 1) ORDER BY some_table.id
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.x IN (2, 3) AND (some_table.id NOT IN (NULL) OR (1 = 1)) ORDER BY some_table.id
--! select
SELECT CASE WHEN (NULL IN (NULL) AND (1 != 1)) THEN true ELSE false END AS anon_1
--! select
select id FROM some_table WHERE z IN ('z2', 'z3', 'z4') ORDER BY id
--! insert
INSERT INTO some_table (id, x, y) VALUES (1, 1, 2),(2, 2, 3),(3, 3, 4),(4, 4, 5),(5, 4, 6)
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id 
 LIMIT 2
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id 
 LIMIT 2 OFFSET 1
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id
 LIMIT ALL OFFSET 2
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id 
 LIMIT 1 + 2
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id 
 LIMIT 1 + 1 OFFSET 1 + 1
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id 
 LIMIT 1 + 1 OFFSET 2
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id
 LIMIT ALL OFFSET 1 + 2
--! select
SELECT anon_2.anon_1 
FROM (SELECT (SELECT some_table.id 
FROM some_table 
 LIMIT 1) AS anon_1 UNION SELECT (SELECT some_table.id 
FROM some_table 
 LIMIT 1) AS anon_1) AS anon_2
--! select
SELECT some_table.id, some_table.x, some_table.y 
FROM some_table ORDER BY some_table.id 
 LIMIT 2 OFFSET 1 + 1
--! create

CREATE TABLE test_table (
	id INTEGER NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO test_table (id, data) VALUES (1, 'some data')
--! select
SELECT test_table.id, test_table.data 
FROM test_table
--! drop

DROP TABLE test_table
--! create

CREATE TABLE test_schema.test_table (
	id INTEGER NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO test_schema.test_table (id, data) VALUES (1, 'some data')
--! select
SELECT test_schema.test_table.id, test_schema.test_table.data 
FROM test_schema.test_table
--! drop

DROP TABLE test_schema.test_table
--! create

CREATE TABLE _test_table (
	id INTEGER NOT NULL, 
	_data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO _test_table (id, _data) VALUES (1, 'some data')
--! select
SELECT _test_table.id, _test_table._data 
FROM _test_table
--! drop

DROP TABLE _test_table
--! create

CREATE TABLE test_table (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! create
CREATE INDEX my_idx ON test_table (data)
--! create

CREATE TABLE test_schema.test_table (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! create
CREATE INDEX my_idx_s ON test_schema.test_table (data)
--! delete
DELETE FROM test_schema.test_table
--! delete
DELETE FROM test_table
--! select
SELECT relname FROM pg_class c join pg_namespace n on n.oid=c.relnamespace where relkind='S' and n.nspname='public'
--! select
SELECT relname FROM pg_class c join pg_namespace n on n.oid=c.relnamespace where relkind='S' and n.nspname='public' and relname='user_id_seq'
--! create
CREATE SEQUENCE user_id_seq START WITH 1
--! create
CREATE SEQUENCE other_seq START WITH 1 NO MINVALUE NO MAXVALUE
--! create
CREATE SEQUENCE test_schema.user_id_seq START WITH 1
--! create
CREATE SEQUENCE test_schema.schema_seq START WITH 1
--! create

CREATE TABLE user_id_table (
	id SERIAL NOT NULL, 
	PRIMARY KEY (id)
)
--! drop

DROP TABLE user_id_table
--! drop
DROP SEQUENCE user_id_seq
--! drop
DROP SEQUENCE other_seq
--! drop
DROP SEQUENCE test_schema.user_id_seq
--! drop
DROP SEQUENCE test_schema.schema_seq
--! create

CREATE TABLE test_schema.test_table_s (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! select create
CREATE VIEW vv AS SELECT id, data FROM test_table
--! select create
CREATE VIEW test_schema.vv AS SELECT id, data FROM test_schema.test_table_s
--! delete
DELETE FROM test_schema.test_table_s
--! drop
DROP VIEW vv
--! drop
DROP VIEW test_schema.vv
--! drop

DROP TABLE test_schema.test_table_s
--! create

CREATE TABLE tbl (
	id INTEGER GENERATED BY DEFAULT AS IDENTITY, 
	"desc" VARCHAR(100), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO tbl ("desc") VALUES ('row') RETURNING tbl.id
--! select
SELECT tbl.id, tbl."desc" 
FROM tbl
--! delete
DELETE FROM tbl
--! drop

DROP TABLE tbl
--! create

CREATE TABLE autoinc_pk (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! create

CREATE TABLE includes_defaults (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	x INTEGER, 
	y INTEGER, 
	PRIMARY KEY (id)
)
--! select
select nextval('"autoinc_pk_id_seq"')
--! insert
INSERT INTO autoinc_pk (id, data) VALUES (1, 'some data')
--! delete
DELETE FROM includes_defaults
--! delete
DELETE FROM autoinc_pk
--! insert
INSERT INTO autoinc_pk (data) VALUES ('some data') RETURNING autoinc_pk.id
--! insert
INSERT INTO autoinc_pk DEFAULT VALUES RETURNING autoinc_pk.id
--! select
SELECT autoinc_pk.id, autoinc_pk.data 
FROM autoinc_pk 
WHERE autoinc_pk.id IS NOT NULL
--! insert
INSERT INTO autoinc_pk (id) VALUES (DEFAULT),(DEFAULT),(DEFAULT)
--! insert
INSERT INTO manual_pk (id, data) VALUES (1, 'data1'),(2, 'data2'),(3, 'data3')
--! select insert
INSERT INTO manual_pk (id, data) SELECT manual_pk.id + 5 AS anon_1, manual_pk.data 
FROM manual_pk 
WHERE manual_pk.data IN ('data2', 'data3')
--! select
SELECT manual_pk.data 
FROM manual_pk ORDER BY manual_pk.data
--! select insert
INSERT INTO autoinc_pk (data) SELECT manual_pk.data 
FROM manual_pk 
WHERE manual_pk.data IN ('data2', 'data3')
--! select
SELECT autoinc_pk.data 
FROM autoinc_pk ORDER BY autoinc_pk.data
--! insert
INSERT INTO includes_defaults (id, data, x, y) VALUES (1, 'data1', 5, (2 + 2)),(2, 'data2', 5, (2 + 2)),(3, 'data3', 5, (2 + 2))
--! select insert
INSERT INTO includes_defaults (id, data, x, y) SELECT includes_defaults.id + 5 AS anon_1, includes_defaults.data, 5 AS anon_2, (2 + 2) AS anon_3 
FROM includes_defaults 
WHERE includes_defaults.data IN ('data2', 'data3')
--! select
SELECT includes_defaults.id, includes_defaults.data, includes_defaults.x, includes_defaults.y 
FROM includes_defaults ORDER BY includes_defaults.data, includes_defaults.id
--! drop

DROP TABLE includes_defaults
--! drop

DROP TABLE autoinc_pk
--! create

CREATE TABLE integer_table (
	id SERIAL NOT NULL, 
	integer_data BIGINT, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO integer_table (id, integer_data) VALUES (1, 1376537018368127)
--! select
SELECT integer_table.integer_data 
FROM integer_table
--! drop

DROP TABLE integer_table
--! create

CREATE TABLE t (
	x INTEGER
)
--! insert
INSERT INTO t (x) VALUES (5)
--! select
SELECT t.x 
FROM t 
WHERE t.x = 5
--! create

CREATE TABLE is_distinct_test (
	id SERIAL NOT NULL, 
	col_a INTEGER, 
	col_b INTEGER, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO is_distinct_test (id, col_a, col_b) VALUES (1, 0, 1)
--! select
SELECT is_distinct_test.id, is_distinct_test.col_a, is_distinct_test.col_b 
FROM is_distinct_test 
WHERE is_distinct_test.col_a IS DISTINCT FROM is_distinct_test.col_b
--! select
SELECT is_distinct_test.id, is_distinct_test.col_a, is_distinct_test.col_b 
FROM is_distinct_test 
WHERE is_distinct_test.col_a IS NOT DISTINCT FROM is_distinct_test.col_b
--! delete
DELETE FROM is_distinct_test
--! insert
INSERT INTO is_distinct_test (id, col_a, col_b) VALUES (1, NULL, NULL)
--! insert
INSERT INTO is_distinct_test (id, col_a, col_b) VALUES (1, NULL, 1)
--! insert
INSERT INTO is_distinct_test (id, col_a, col_b) VALUES (1, 0, NULL)
--! drop

DROP TABLE is_distinct_test
--! create

CREATE TABLE a (
	id SERIAL NOT NULL, 
	PRIMARY KEY (id)
)
--! create

CREATE TABLE b (
	id SERIAL NOT NULL, 
	a_id INTEGER NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(a_id) REFERENCES a (id)
)
--! insert
INSERT INTO a (id) VALUES (1),(2),(3),(4),(5)
--! insert
INSERT INTO b (id, a_id) VALUES (1, 1),(2, 1),(4, 2),(5, 3)
--! select
SELECT a.id, b.id AS id_1, b.a_id 
FROM a JOIN b ON false ORDER BY a.id, b.id
--! delete
DELETE FROM b
--! delete
DELETE FROM a
--! select
SELECT a.id, b.id AS id_1, b.a_id 
FROM a JOIN b ON a.id = b.a_id ORDER BY a.id, b.id
--! select
SELECT a.id, b.id AS id_1, b.a_id 
FROM a JOIN b ON true ORDER BY a.id, b.id
--! select
SELECT a.id, b.id AS id_1, b.a_id 
FROM a LEFT OUTER JOIN b ON false ORDER BY a.id, b.id
--! drop

DROP TABLE b
--! drop

DROP TABLE a
--! select
SELECT autoinc_pk.id, autoinc_pk.data 
FROM autoinc_pk
--! select
SELECT autoinc_pk.id 
FROM autoinc_pk
--! insert
INSERT INTO some_table (id, data) VALUES (1, 'abcdefg'),(2, 'ab/cdefg'),(3, 'ab%cdefg'),(4, 'ab_cdefg'),(5, 'abcde/fg'),(6, 'abcde%fg'),(7, 'ab#cdefg'),(8, 'ab9cdefg'),(9, 'abcde#fg'),(10, 'abcd9fg'),(11, NULL)
--! select
SELECT some_table.id 
FROM some_table 
WHERE (some_table.data LIKE '%' || 'b/%cde' || '%' ESCAPE '/')
--! select
SELECT some_table.id 
FROM some_table 
WHERE (some_table.data LIKE '%' || 'b%cde' || '%')
--! select
SELECT some_table.id 
FROM some_table 
WHERE (some_table.data LIKE '%' || 'e/%fg' ESCAPE '/')
--! select
SELECT some_table.id 
FROM some_table 
WHERE (some_table.data LIKE '%' || 'e%fg')
--! create

CREATE TABLE a_things_with_stuff (
	id_long_column_name SERIAL NOT NULL, 
	PRIMARY KEY (id_long_column_name)
)
--! create

CREATE TABLE b_related_things_of_value (
	aid INTEGER, 
	CONSTRAINT foreign_key_b_related_things_of_value_aid_a_things_with_0f82 FOREIGN KEY(aid) REFERENCES a_things_with_stuff (id_long_column_name)
)
--! create

CREATE TABLE a_things_with_stuff (
	id_long_column_name SERIAL NOT NULL, 
	id_another_long_name INTEGER, 
	PRIMARY KEY (id_long_column_name)
)
--! create
CREATE INDEX index_a_things_with_stuff_id_long_column_name_id_anothe_a676 ON a_things_with_stuff (id_long_column_name, id_another_long_name)
--! create

CREATE TABLE a_things_with_stuff (
	id_long_column_name INTEGER NOT NULL, 
	id_another_long_name INTEGER NOT NULL, 
	CONSTRAINT primary_key_a_things_with_stuff_id_long_column_name_id__156a PRIMARY KEY (id_long_column_name, id_another_long_name)
)
--! create

CREATE TABLE a_things_with_stuff (
	id_long_column_name SERIAL NOT NULL, 
	id_another_long_name INTEGER, 
	PRIMARY KEY (id_long_column_name), 
	CONSTRAINT unique_constraint_a_things_with_stuff_id_long_column_na_3cb8 UNIQUE (id_long_column_name, id_another_long_name)
)
--! select
SELECT 15.7563 AS anon_1
--! select
SELECT CAST(15.7563 AS NUMERIC(10, 4)) AS anon_1
--! create

CREATE TABLE t (
	x FLOAT(8)
)
--! insert
INSERT INTO t (x) VALUES (15.7563),(15.7563),(NULL)
--! select
SELECT t.x 
FROM t
--! insert
INSERT INTO t (x) VALUES (15.7563),(15.7563)
--! create

CREATE TABLE t (
	x FLOAT
)
--! create

CREATE TABLE t (
	x NUMERIC(8, 4)
)
--! insert
INSERT INTO t (x) VALUES (NULL)
--! insert
INSERT INTO t (x) VALUES (0.004354),(900.0),(54.234246451650)
--! create

CREATE TABLE some_table (
	id SERIAL NOT NULL, 
	x INTEGER, 
	y INTEGER, 
	q VARCHAR(50), 
	p VARCHAR(50), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO some_table (id, x, y, q, p) VALUES (1, 1, 2, 'q1', 'p3'),(2, 2, 3, 'q2', 'p2'),(3, 3, 4, 'q3', 'p1')
--! select
SELECT some_table.x + some_table.y AS lx 
FROM some_table ORDER BY lx
--! select
SELECT some_table.x + some_table.y AS lx 
FROM some_table ORDER BY lx DESC
--! select
SELECT some_table.x + some_table.y AS lx, lower(some_table.q) || some_table.p AS ly 
FROM some_table ORDER BY lx, ly DESC
--! select
SELECT count(some_table.id) AS count_1, some_table.x + some_table.y AS lx 
FROM some_table GROUP BY some_table.x + some_table.y ORDER BY lx
--! select
SELECT some_table.x AS lx 
FROM some_table ORDER BY lx
--! select
SELECT some_table.x AS lx 
FROM some_table ORDER BY lx DESC
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.x = 10
--! select
SELECT some_table.id 
FROM some_table 
WHERE some_table.x IN (5, 6, 7)
--! create

CREATE TABLE related (
	id SERIAL NOT NULL, 
	related INTEGER, 
	PRIMARY KEY (id)
)
--! create

CREATE TABLE "quote ' one" (
	id INTEGER NOT NULL, 
	name VARCHAR(50), 
	data VARCHAR(50), 
	related_id INTEGER, 
	CONSTRAINT "pk quote ' one" PRIMARY KEY (id), 
	CONSTRAINT "uq quote' one" UNIQUE (data), 
	CONSTRAINT "fk quote ' one" FOREIGN KEY(id) REFERENCES related (id), 
	CONSTRAINT "ck quote ' one" CHECK (name != 'foo')
)
--! create
CREATE INDEX "ix quote ' one" ON "quote ' one" (name)
--! comment
COMMENT ON TABLE "quote ' one" IS 'quote '' one comment'
--! create

CREATE TABLE "quote "" two" (
	id INTEGER NOT NULL, 
	name VARCHAR(50), 
	data VARCHAR(50), 
	related_id INTEGER, 
	CONSTRAINT "pk quote "" two" PRIMARY KEY (id), 
	CONSTRAINT "uq quote"" two" UNIQUE (data), 
	CONSTRAINT "fk quote "" two" FOREIGN KEY(id) REFERENCES related (id), 
	CONSTRAINT "ck quote "" two " CHECK (name != 'foo')
)
--! create
CREATE INDEX "ix quote "" two" ON "quote "" two" (name)
--! comment
COMMENT ON TABLE "quote "" two" IS 'quote " two comment'
--! delete
DELETE FROM "quote "" two"
--! delete
DELETE FROM "quote ' one"
--! delete
DELETE FROM related
--! drop

DROP TABLE "quote "" two"
--! drop

DROP TABLE "quote ' one"
--! drop

DROP TABLE related
--! create

CREATE TABLE employees (
	employee_id INTEGER NOT NULL, 
	name VARCHAR(50), 
	department VARCHAR(1), 
	PRIMARY KEY (employee_id)
)
--! insert
INSERT INTO employees (employee_id, name, department) VALUES (0, 'Angela', 'A'),(1, 'Andrew', 'A'),(2, 'Anand', 'A'),(3, 'Bob', 'B'),(4, 'Bobette', 'B'),(5, 'Buffy', 'B'),(6, 'Charlie', 'C'),(7, 'Cynthia', 'C'),(8, 'Chris', 'C')
--! select
SELECT employees.name, employees.department 
FROM employees ORDER BY employees.employee_id
--! delete
DELETE FROM employees
--! delete
DELETE FROM employees WHERE employees.department = 'C'
--! delete
DELETE FROM employees WHERE employees.name = 'Bob'
--! update
UPDATE employees SET department='C' WHERE employees.name = 'Bob'
--! update
update employees set department='Z' where department='C'
--! update
UPDATE employees SET department='Z' WHERE employees.department = 'C'
--! update
UPDATE employees SET name=(employees.department || 'Z') WHERE employees.department = 'C' RETURNING employees.name
--! drop

DROP TABLE employees
--! create

CREATE TABLE plain_pk (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! create

CREATE TABLE has_dates (
	id SERIAL NOT NULL, 
	today TIMESTAMP WITHOUT TIME ZONE, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO plain_pk (id, data) VALUES (1, 'd1'),(2, 'd2'),(3, 'd3')
--! insert
INSERT INTO has_dates (id, today) VALUES (1, '2006-05-12T12:00:00'::timestamp)
--! select
SELECT has_dates.id, (SELECT x.today 
FROM has_dates AS x) AS somelabel 
FROM has_dates
--! delete
DELETE FROM has_dates
--! delete
DELETE FROM plain_pk
--! select
SELECT plain_pk.data, plain_pk.data AS data 
FROM plain_pk ORDER BY plain_pk.id
--! select
SELECT plain_pk.id, plain_pk.data 
FROM plain_pk ORDER BY plain_pk.id
--! drop

DROP TABLE has_dates
--! drop

DROP TABLE plain_pk
--! create
CREATE SEQUENCE tab_id_seq START WITH 1
--! create

CREATE TABLE seq_pk (
	id INTEGER NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! create

CREATE TABLE seq_opt_pk (
	id SERIAL NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! create
CREATE SEQUENCE noret_id_seq START WITH 1
--! create

CREATE TABLE seq_no_returning (
	id INTEGER NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! create
CREATE SEQUENCE test_schema.noret_sch_id_seq START WITH 1
--! create

CREATE TABLE test_schema.seq_no_returning_sch (
	id INTEGER NOT NULL, 
	data VARCHAR(50), 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO seq_pk (id, data) VALUES (nextval('tab_id_seq'), 'some data') RETURNING seq_pk.id
--! drop

DROP TABLE test_schema.seq_no_returning_sch
--! drop

DROP TABLE seq_no_returning
--! drop

DROP TABLE seq_opt_pk
--! drop

DROP TABLE seq_pk
--! drop
DROP SEQUENCE tab_id_seq
--! drop
DROP SEQUENCE noret_id_seq
--! drop
DROP SEQUENCE test_schema.noret_sch_id_seq
--! select
SELECT seq_pk.id, seq_pk.data 
FROM seq_pk
--! insert
INSERT INTO seq_no_returning (id, data) VALUES (1, 'some data')
--! select
SELECT seq_no_returning.id, seq_no_returning.data 
FROM seq_no_returning
--! insert
INSERT INTO test_schema.seq_no_returning_sch (id, data) VALUES (1, 'some data')
--! select
SELECT test_schema.seq_no_returning_sch.id, test_schema.seq_no_returning_sch.data 
FROM test_schema.seq_no_returning_sch
--! insert
INSERT INTO test_schema.seq_no_returning_sch (id, data) VALUES (nextval('test_schema.noret_sch_id_seq'), 'some data') RETURNING test_schema.seq_no_returning_sch.id
--! insert
INSERT INTO seq_opt_pk (data) VALUES ('some data') RETURNING seq_opt_pk.id
--! select
SELECT anon_1.x 
FROM (SELECT 1 AS x) AS anon_1
--! select
SELECT 1 
FROM (SELECT 1 AS x) AS anon_1
--! select declare
DECLARE "c_7f449fb4ef50_1" CURSOR WITHOUT HOLD FOR select 1
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb4ef50_1"
--! select declare
DECLARE "c_7f449fb10f50_2" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb10f50_2"
--! close
CLOSE "c_7f449fb10f50_2"
--! select declare
DECLARE "c_7f449fb10f50_3" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb10f50_3"
--! close
CLOSE "c_7f449fb10f50_3"
--! select declare
DECLARE "c_7f44a0003850_4" CURSOR WITHOUT HOLD FOR select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where pg_catalog.pg_table_is_visible(c.oid) and relname='test_table'
--! fetch
FETCH FORWARD 1 FROM "c_7f44a0003850_4"
--! close
CLOSE "c_7f44a0003850_4"
--! insert
INSERT INTO test_table (data) VALUES ('data1') RETURNING test_table.id
--! select declare
DECLARE "c_7f449fb3e990_5" CURSOR WITHOUT HOLD FOR SELECT test_table.id, test_table.data 
FROM test_table ORDER BY test_table.id
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb3e990_5"
--! fetch
FETCH FORWARD ALL FROM "c_7f449fb3e990_5"
--! close
CLOSE "c_7f449fb3e990_5"
--! update
UPDATE test_table SET data=(test_table.data || ' updated') WHERE test_table.id = 2
--! select declare
DECLARE "c_7f449fb61ad0_6" CURSOR WITHOUT HOLD FOR SELECT test_table.id, test_table.data 
FROM test_table ORDER BY test_table.id
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb61ad0_6"
--! fetch
FETCH FORWARD ALL FROM "c_7f449fb61ad0_6"
--! close
CLOSE "c_7f449fb61ad0_6"
--! select declare
DECLARE "c_7f449fb3c990_7" CURSOR WITHOUT HOLD FOR SELECT count('*') AS count_1 
FROM test_table
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb3c990_7"
--! close
CLOSE "c_7f449fb3c990_7"
--! select declare
DECLARE "c_7f449fb63650_8" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb63650_8"
--! close
CLOSE "c_7f449fb63650_8"
--! select declare
DECLARE "c_7f449fbf0550_9" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fbf0550_9"
--! close
CLOSE "c_7f449fbf0550_9"
--! select declare
DECLARE "c_7f449fb68850_a" CURSOR WITHOUT HOLD FOR select relname from pg_class c join pg_namespace n on n.oid=c.relnamespace where pg_catalog.pg_table_is_visible(c.oid) and relname='test_table'
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb68850_a"
--! close
CLOSE "c_7f449fb68850_a"
--! insert
INSERT INTO test_table (data) VALUES ('data1'),('data2'),('data3'),('data4'),('data5'),('data6'),('data7'),('data8'),('data9'),('data10'),('data11'),('data12'),('data13'),('data14'),('data15'),('data16'),('data17'),('data18'),('data19')
--! select declare
DECLARE "c_7f449fb68390_b" CURSOR WITHOUT HOLD FOR SELECT test_table.id, test_table.data 
FROM test_table ORDER BY test_table.id
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb68390_b"
--! fetch
FETCH FORWARD ALL FROM "c_7f449fb68390_b"
--! close
CLOSE "c_7f449fb68390_b"
--! select declare
DECLARE "c_7f449fb4a7d0_c" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb4a7d0_c"
--! close
CLOSE "c_7f449fb4a7d0_c"
--! select declare
DECLARE "c_7f449fb21490_d" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb21490_d"
--! close
CLOSE "c_7f449fb21490_d"
--! select declare
DECLARE "c_7f44a032d250_e" CURSOR WITHOUT HOLD FOR SELECT 1 FOR UPDATE
--! fetch
FETCH FORWARD 1 FROM "c_7f44a032d250_e"
--! close
CLOSE "c_7f44a032d250_e"
--! select declare
DECLARE "c_7f449fb6bad0_f" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb6bad0_f"
--! close
CLOSE "c_7f449fb6bad0_f"
--! select declare
DECLARE "c_7f449fb6bad0_10" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb6bad0_10"
--! close
CLOSE "c_7f449fb6bad0_10"
--! select declare
DECLARE "c_7f449fb11790_11" CURSOR WITHOUT HOLD FOR SELECT 1 FOR UPDATE
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb11790_11"
--! close
CLOSE "c_7f449fb11790_11"
--! select declare
DECLARE "c_7f449fb10cd0_12" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb10cd0_12"
--! close
CLOSE "c_7f449fb10cd0_12"
--! select declare
DECLARE "c_7f449fb08dd0_13" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb08dd0_13"
--! close
CLOSE "c_7f449fb08dd0_13"
--! select declare
DECLARE "c_7f449fb79790_14" CURSOR WITHOUT HOLD FOR SELECT 1
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb79790_14"
--! close
CLOSE "c_7f449fb79790_14"
--! select
select 1
--! select declare
DECLARE "c_7f449fb7a590_15" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb7a590_15"
--! close
CLOSE "c_7f449fb7a590_15"
--! select declare
DECLARE "c_7f449fb7a590_16" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb7a590_16"
--! close
CLOSE "c_7f449fb7a590_16"
--! select declare
DECLARE "c_7f449fb4a950_17" CURSOR WITHOUT HOLD FOR select 1
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb4a950_17"
--! close
CLOSE "c_7f449fb4a950_17"
--! select declare
DECLARE "c_7f449fb48950_18" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb48950_18"
--! close
CLOSE "c_7f449fb48950_18"
--! select declare
DECLARE "c_7f449fb11590_19" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb11590_19"
--! close
CLOSE "c_7f449fb11590_19"
--! select declare
DECLARE "c_7f449fb81590_1a" CURSOR WITHOUT HOLD FOR select 1
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb81590_1a"
--! close
CLOSE "c_7f449fb81590_1a"
--! select declare
DECLARE "c_7f449fb7b5d0_1b" CURSOR WITHOUT HOLD FOR SELECT 1
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb7b5d0_1b"
--! close
CLOSE "c_7f449fb7b5d0_1b"
--! select declare
DECLARE "c_7f449fb82490_1c" CURSOR WITHOUT HOLD FOR select pg_catalog.version()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb82490_1c"
--! close
CLOSE "c_7f449fb82490_1c"
--! select declare
DECLARE "c_7f449fb82490_1d" CURSOR WITHOUT HOLD FOR select current_schema()
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb82490_1d"
--! close
CLOSE "c_7f449fb82490_1d"
--! select declare
DECLARE "c_7f449fb8ebd0_1e" CURSOR WITHOUT HOLD FOR select 42
--! fetch
FETCH FORWARD 1 FROM "c_7f449fb8ebd0_1e"
--! close
CLOSE "c_7f449fb8ebd0_1e"
--! delete
DELETE FROM plain_pk WHERE plain_pk.id = 2
--! update
UPDATE plain_pk SET data='d2_new' WHERE plain_pk.id = 2
--! insert
INSERT INTO t (x) VALUES ('some text')
--! select
SELECT t.x 
FROM t 
WHERE t.x = 'some text'
--! create

CREATE TABLE foo (
	one VARCHAR
)
--! drop

DROP TABLE foo
--! create

CREATE TABLE text_table (
	id SERIAL NOT NULL, 
	text_data TEXT, 
	PRIMARY KEY (id)
)
--! create

CREATE TABLE t (
	x TEXT
)
--! delete
DELETE FROM text_table
--! insert
INSERT INTO text_table (id, text_data) VALUES (1, '')
--! select
SELECT text_table.text_data 
FROM text_table
--! insert
INSERT INTO text_table (id, text_data) VALUES (1, NULL)
--! drop

DROP TABLE text_table
--! create

CREATE TABLE date_table (
	id SERIAL NOT NULL, 
	date_data TIME WITHOUT TIME ZONE, 
	decorated_date_data TIME WITHOUT TIME ZONE, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO date_table (id, date_data) VALUES (1, '12:57:18.000396'::time)
--! insert
INSERT INTO date_table (id, decorated_date_data) VALUES (1, '12:57:18.000396'::time)
--! select
SELECT '12:57:18.000396'::time AS anon_1
--! create

CREATE TABLE unicode_table (
	id SERIAL NOT NULL, 
	unicode_data TEXT, 
	PRIMARY KEY (id)
)
--! insert
INSERT INTO unicode_table (id, unicode_data) VALUES (1, '')
--! select
SELECT unicode_table.unicode_data 
FROM unicode_table
--! delete
DELETE FROM unicode_table
--! insert
INSERT INTO unicode_table (id, unicode_data) VALUES (1, NULL)
--! insert
INSERT INTO unicode_table (id, unicode_data) VALUES (1, 'Alors vous imaginez ma 🐍 surprise, au lever du jour, quand une drôle de petite 🐍 voix m’a réveillé. Elle disait: « S’il vous plaît… dessine-moi 🐍 un mouton! »'),(2, 'Alors vous imaginez ma 🐍 surprise, au lever du jour, quand une drôle de petite 🐍 voix m’a réveillé. Elle disait: « S’il vous plaît… dessine-moi 🐍 un mouton! »'),(3, 'Alors vous imaginez ma 🐍 surprise, au lever du jour, quand une drôle de petite 🐍 voix m’a réveillé. Elle disait: « S’il vous plaît… dessine-moi 🐍 un mouton! »')
--! drop

DROP TABLE unicode_table
--! create

CREATE TABLE unicode_table (
	id SERIAL NOT NULL, 
	unicode_data VARCHAR(255), 
	PRIMARY KEY (id)
)
