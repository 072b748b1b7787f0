from .containers import Bags as Bags
from .containers import Images as Images
from .containers import Table as Table
from .csv_table import read_table as read_table
from .load import data_path as data_path
from .load import dataset_names as dataset_names
from .load import load as load
from .registry import DATASETS as DATASETS
