1 # comment #> 1
---
# comment #! unexpected-token
---
/* comment */ 1 #> 1
---
1 /* a */ + /* b */ 2 #> 3
---
/* multi #! unexpected-token
---
/**/ 1 #> 1
---
/* * */ 1 #> 1
---
/** doc */ 1 #> 1
---
1 /* /* */ #> 1
---
1 /* unterminated #! unexpected-token
---
1 # #> 1
---
[ 1 /* two */ 3 ] #> [ 1 3 ]
---
{ /* a */ a /* b */ = /* c */ 1 /* d */ ; /* e */ } #> { a = 1; }
---
a:/* b */a #! undefined-variable
---
/* a */ /* b */ 1 #> 1
---
1 // 2 #! type-error
