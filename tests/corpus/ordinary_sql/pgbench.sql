-- What a server was sent by pgbench 15.20. PostgreSQL Licence.
-- Each statement stands under the kinds it must have, and must be understood and not opaque.
--! drop
drop table if exists pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers
--! create
create table pgbench_history(tid int,bid int,aid    int,delta int,mtime timestamp,filler char(22))
--! create
create table pgbench_tellers(tid int not null,bid int,tbalance int,filler char(84)) with (fillfactor=100)
--! create
create table pgbench_accounts(aid    int not null,bid int,abalance int,filler char(84)) with (fillfactor=100)
--! create
create table pgbench_branches(bid int not null,bbalance int,filler char(88)) with (fillfactor=100)
--! transaction
begin
--! truncate
truncate table pgbench_accounts, pgbench_branches, pgbench_history, pgbench_tellers
--! insert
insert into pgbench_branches(bid,bbalance) values(1,0)
--! insert
insert into pgbench_tellers(tid,bid,tbalance) values (1,1,0)
--! copy-in
copy pgbench_accounts from stdin with (freeze on)
--! transaction
commit
--! vacuum analyze
vacuum analyze pgbench_branches
--! vacuum analyze
vacuum analyze pgbench_tellers
--! vacuum analyze
vacuum analyze pgbench_accounts
--! vacuum analyze
vacuum analyze pgbench_history
--! alter
alter table pgbench_branches add primary key (bid)
--! alter
alter table pgbench_tellers add primary key (tid)
--! alter
alter table pgbench_accounts add primary key (aid)
--! select
select count(*) from pgbench_branches
--! select
select o.n, p.partstrat, pg_catalog.count(i.inhparent) from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on (n.oid = c.relnamespace) cross join lateral (select pg_catalog.array_position(pg_catalog.current_schemas(true), n.nspname)) as o(n) left join pg_catalog.pg_partitioned_table as p on (p.partrelid = c.oid) left join pg_catalog.pg_inherits as i on (c.oid = i.inhparent) where c.relname = 'pgbench_accounts' and o.n is not null group by 1, 2 order by 1 asc limit 1
--! transaction
BEGIN;
--! update
UPDATE pgbench_accounts SET abalance = abalance + -1159 WHERE aid = 88178;
--! select
SELECT abalance FROM pgbench_accounts WHERE aid = 88178;
--! update
UPDATE pgbench_tellers SET tbalance = tbalance + -1159 WHERE tid = 7;
--! update
UPDATE pgbench_branches SET bbalance = bbalance + -1159 WHERE bid = 1;
--! insert
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (7, 1, 88178, -1159, CURRENT_TIMESTAMP);
--! transaction
END;
--! update
UPDATE pgbench_accounts SET abalance = abalance + 2043 WHERE aid = 79701;
--! update
UPDATE pgbench_tellers SET tbalance = tbalance + 2043 WHERE tid = 3;
--! update
UPDATE pgbench_branches SET bbalance = bbalance + 2043 WHERE bid = 1;
--! insert
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (3, 1, 79701, 2043, CURRENT_TIMESTAMP);
--! update
UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2;
--! select
SELECT abalance FROM pgbench_accounts WHERE aid = $1;
--! update
UPDATE pgbench_tellers SET tbalance = tbalance + $1 WHERE tid = $2;
--! update
UPDATE pgbench_branches SET bbalance = bbalance + $1 WHERE bid = $2;
--! insert
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($1, $2, $3, $4, CURRENT_TIMESTAMP);
