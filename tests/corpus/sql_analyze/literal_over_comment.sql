do 'a' -- c
 'b'