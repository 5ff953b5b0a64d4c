from sweeper_core.search_space.space import Clause as Clause
from sweeper_core.search_space.space import Parameter as Parameter
from sweeper_core.search_space.space import SearchSpace as SearchSpace
