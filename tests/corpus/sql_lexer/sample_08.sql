select 'a' -- c
 'b'