select 'a'
'b', E'a'  
 	 'b\x41', B'1'
'0'