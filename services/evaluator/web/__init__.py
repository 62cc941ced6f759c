"""The evaluator's web pages: what was measured, heard and answered, in a browser.

`pages` makes the pages and knows no HTTP: a page is a function from what was asked (`page.Asked`) to a reply
(`page.Reply`). `app` is the HTTP around them, `guard` says who may see and change what. Pages take their tables,
drawings and looks from `services.evaluator.report`, so that there is one design.
"""
