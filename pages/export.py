"""Export: the open run for other programs and other people."""

from fmnist.dashboard import layout
from fmnist.dashboard.export import model_file, report, server
from fmnist.dashboard.export.subject import gather_run

layout.header()
run = gather_run()
model_file.show(run)
report.show(run)
server.show(run)
