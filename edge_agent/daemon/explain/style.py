"""How the page looks."""

from edge_agent.daemon.explain.svg import HEALTHY, NOW, SPREAD

STYLE = f"""
:root {{ color-scheme: light; --ink: #1c2733; --soft: #52616f; --line: #dfe5ea; --wash: #f4f7f9; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 76rem; padding: 1.6rem 1.5rem 3rem; color: var(--ink);
  background: #fff; font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere; }}
h1 {{ font-size: 1.6rem; line-height: 1.2; margin: 0 0 .2rem; }}
.level {{ font-size: .9rem; border-radius: 4px; padding: .15rem .5rem; vertical-align: .2rem;
  color: #fff; background: #8a4b00; }} .level.alarm {{ background: #b3261e; }}
h2 {{ font-size: 1.15rem; margin: 1.8rem 0 .4rem; }}
p {{ margin: .4rem 0; }} ol {{ margin: .3rem 0; padding-left: 1.4rem; }} li {{ margin: .3rem 0; }}
.soft, figcaption, small {{ color: var(--soft); font-size: .88rem; }} .small {{ font-size: .8rem; }}
.verdict {{ border-left: 6px solid {NOW}; padding: .7rem 1rem; margin: 1rem 0;
  background: var(--wash); }}
.headline {{ font-size: 1.15rem; font-weight: 600; margin: 0 0 .3rem; }}
.figures {{ display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0; }}
.figures div {{ border: 1px solid var(--line); border-radius: 6px; padding: .5rem .8rem;
  flex: 1 1 9rem; max-width: 18rem; }}
.figures dt, .figures .note {{ color: var(--soft); font-size: .85rem; }}
.figures dd {{ margin: 0; }}
.figures .value {{ font-size: 1.3rem; font-weight: 650; }}
.features {{ border-top: 1px solid var(--line); }}
.feature {{ display: grid; grid-template-columns: 17rem 15rem 12rem 1fr; gap: .2rem 1rem;
  align-items: center; padding: .5rem .3rem; border-bottom: 1px solid var(--line); }}
.feature.strong {{ background: var(--wash); }}
.feature small {{ display: block; }} .feature .said {{ font-size: .92rem; }}
.range {{ width: 100%; max-width: 12rem; display: block; }}
.pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: 1rem 1.5rem; }}
figure {{ margin: .3rem 0; min-width: 0; }} figure svg {{ width: 100%; display: block; }}
svg text {{ font: 12.5px system-ui, "Segoe UI", Roboto, sans-serif;
  paint-order: stroke; stroke: #fff; stroke-width: 3px; stroke-linejoin: round; }}
.key {{ display: inline-block; width: 1.6rem; height: .7rem; margin-right: .4rem; }}
.key.healthy {{ background: {SPREAD}; border: 1.5px dashed {HEALTHY}; }}
.key.now {{ background: {NOW}; height: .3rem; vertical-align: .2rem; }}
.keyed {{ margin-right: 1.2rem; }}
@media (max-width: 800px) {{
  body {{ padding: 1rem .9rem 2rem; }} h1 {{ font-size: 1.35rem; }}
  .pair {{ grid-template-columns: 1fr; }}
  .feature {{ grid-template-columns: 1fr 1fr; }} .feature .said {{ grid-column: 1 / -1; }}
  .feature .name, .feature .number {{ grid-column: auto; }} .feature .bar {{ grid-column: 1 / -1; }}
  .range {{ max-width: none; height: 1.8rem; }}
}}
@media print {{ figure, .feature, .verdict {{ break-inside: avoid; }} body {{ font-size: 10pt; }} }}
"""
